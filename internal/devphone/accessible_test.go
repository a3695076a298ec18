package devphone_test

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyboard uses the page without a mouse. The focus must be visible everywhere.
func keyboard(_ *service, w *tab) {
	focus := func(selector string, keys string) {
		w.Helper()
		for range 30 {
			if value[bool](w, `document.activeElement.matches(`+js(selector)+`)`) {
				if value[string](w, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
					w.Errorf("the focus on %s is not visible", selector)
				}
				return
			}
			w.keys(keys)
		}
		w.Fatalf("the key %q does not move the focus to %s", keys, selector)
	}
	w.keys("Hello\r")
	w.count(".in", 1)
	focus("[data-kind=burst]", kb.Tab)
	w.keys(" ")
	w.count(".in", 6)
	back := func() { w.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))) }
	for !value[bool](w, `document.activeElement.matches('button.status')`) {
		back()
	}
	w.keys(kb.ArrowUp + kb.ArrowUp)
	w.keys("\r")
	w.until(`document.querySelector('#exchanges').textContent.includes('At once (3 of 5)')`)
	focus("#exchanges details.table summary", kb.Tab)
	w.keys("\r")
	w.count("#exchanges details.table[open]", 1)
	focus("#record", kb.Tab)
	focus("#copy", kb.Tab)
	focus("#number", kb.Tab)
	w.keys("+15551234567\r")
	w.count(".phone", 2)
	w.keys("Hello from here\r")
	w.count(".in", 7)
}

// checkNames checks that a screen reader can name everything that can be used.
func (w *tab) checkNames() {
	w.Helper()
	nameless := value[[]string](w, `[...document.querySelectorAll('button, input, [tabindex], summary, [role]')]
		.filter((e) => !(e.getAttribute('aria-label') || e.labels?.[0]?.textContent || (e.matches('button, summary, [role=alert], [role=status]') && (e.textContent || e.hidden || e.role === 'status'))))
		.map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		w.Errorf("these elements have no name: %q", nameless)
	}
}

func named(_ *service, w *tab) {
	w.press("[data-kind=burst]")
	w.count(".in", 5)
	w.count("#exchanges", 1)
	w.checkNames()
	if value[string](w, `document.documentElement.lang`) != "en" {
		w.Error("the page does not state its language")
	}
	if value[string](w, `document.querySelector('.log').getAttribute('aria-live')`) != "polite" {
		w.Error("a screen reader does not read the replies")
	}
}

// lowContrast finds the texts of the page whose contrast is too low.
//
//go:embed testdata/contrast.js
var lowContrast string

// contrast checks that small text has a contrast of at least 4.5: https://www.w3.org/TR/WCAG22/#contrast-minimum.
func contrast(_ *service, w *tab) {
	w.media("prefers-reduced-motion", "reduce")
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=mms]")
	w.until(`document.querySelector('.preview img')`)
	w.keys("\r")
	w.count(".in", 2)
	w.press("[data-kind=lose]")
	w.press("[data-kind=forge]")
	w.until(`document.querySelector('#exchanges .finding')`)
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	for _, scheme := range []string{"light", "dark"} {
		w.media("prefers-color-scheme", scheme)
		got := value[struct {
			Seen int
			Low  []string
		}](w, call(lowContrast))
		if got.Seen < 60 || len(got.Low) > 0 {
			w.Errorf("%s: %d texts were checked, and these have too little contrast: %q", scheme, got.Seen, got.Low)
		}
	}
	if value[string](w, `getComputedStyle(document.body).backgroundColor`) != "rgb(15, 18, 22)" {
		w.Error("the dark scheme is not dark")
	}
}

func motion(_ *service, w *tab) {
	moves := func() bool {
		w.keys("Hello\r")
		w.count("#record.changed", 1)
		return value[string](w, `getComputedStyle(document.querySelector('#record')).animationName`) != "none"
	}
	if !moves() {
		w.Error("a change of the record is not highlighted")
	}
	w.media("prefers-reduced-motion", "reduce")
	if moves() {
		w.Error("the highlight moves")
	}
}

// fits checks that the page is not wider than the screen, in pixels, and that nothing must be scrolled sideways.
func (w *tab) fits(what string, width int) {
	w.Helper()
	if n := value[int](w, `document.documentElement.scrollWidth`); n > width {
		w.Errorf("%s the page is %d px wide", what, n)
	}
	wide := value[[]string](w, fmt.Sprintf(`[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() &&
		(e.getBoundingClientRect().right > %d || e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto'))
		.map((e) => e.outerHTML.slice(0, 80))`, width))
	if len(wide) > 0 {
		w.Errorf("%s these elements are too wide: %q", what, wide)
	}
}

func narrow(s *service, w *tab) {
	fits := func(what string) {
		w.Helper()
		w.fits(what, 360)
	}
	w.resize(360, 740)
	fits("empty,")
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=forge]")
	w.count(".log .finding", 1)
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	fits("with a conversation,")
	s.post("/dev/open", `{"from":"messenger:`+strings.Repeat("x", 246)+`"}`, nil)
	s.say("1", strings.Repeat("long", 100))
	w.count(".phone", 2)
	fits("with long words,")
	w.press("#rows li:nth-child(2) button")
	w.until(`document.querySelector('.phone:nth-child(2)').checkVisibility() && !document.querySelector('.phone:nth-child(1)').checkVisibility()`)
	fits("with the other phone,")
	w.press(".phone:nth-child(2) textarea")
	w.keys("Hello\r")
	w.count(".phone:nth-child(2) .in", 1)
	fits("with its conversation,")
}

// newest gives two phones more messages than fit on a screen. A third phone makes room for one phone only.
func newest(s *service, w *tab) {
	s.post("/dev/open", `{}`, nil)
	for _, phone := range []string{"1", "2"} {
		for range 3 {
			s.press(phone, "burst", "Are you there, and all of you?")
		}
	}
	atEnd := func(phone string) {
		w.Helper()
		w.until(`(({ clientHeight, scrollHeight, scrollTop }) => clientHeight > 0 && scrollHeight > 2 * clientHeight &&
			scrollHeight - scrollTop - clientHeight < 2)(document.querySelector('.phone:nth-child(` + phone + `) .log'))`)
	}
	w.resize(400, 700)
	w.untilReloaded(func() { w.do(chromedp.Reload()) })
	w.count(".phone", 2)
	atEnd("1")
	w.press("#rows li:nth-child(2) button")
	atEnd("2")
	w.press("#rows li:nth-child(1) button")
	atEnd("1")
	w.resize(1280, 800)
	atEnd("2")
	if n := value[int](w, `document.documentElement.scrollHeight`); n > 800 {
		w.Errorf("on a wide screen, the page is %d px high", n)
	}
	w.press("#add button")
	w.count(".phone", 3)
	w.press("#rows li:nth-child(2) button")
	atEnd("2")
}
