package devphone_test

import (
	"fmt"

	"github.com/chromedp/chromedp/kb"
)

// longList opens twelve phones with long numbers that differ only at their ends.
func longList(s *service, w *tab) {
	for i := range 12 {
		body := fmt.Sprintf(`{"from":"whatsapp:+447700900%03d"}`, 100+i)
		if status := s.post("/dev/open", body, nil); status != 200 {
			w.Fatalf("a phone is answered %d", status)
		}
		s.say(fmt.Sprint(i+2), "Hello")
	}
	w.count("#rows li", 13)
	// selected reports whether the row of the selected phone can be seen in the list.
	const selected = `(() => {
		const [list, row] = ['#rows', '#rows [aria-pressed=true]'].map((s) => document.querySelector(s).getBoundingClientRect());
		return row.height > 0 && row.top >= list.top - 1 && row.bottom <= list.bottom + 1;
	})()`
	// end is the rectangle of the last character of the selected phone's number.
	const end = `(() => {
		const name = document.querySelector('#rows [aria-pressed=true] .name');
		const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
		let text;
		while (walker.nextNode()) text = walker.currentNode;
		const range = document.createRange();
		range.setStart(text, text.length - 3);
		range.setEnd(text, text.length);
		const [a, b] = [range.getBoundingClientRect(), name.getBoundingClientRect()];
		return a.width > 0 && a.left >= b.left - 1 && a.right <= b.right + 1;
	})()`
	for i, size := range [][2]int64{{1280, 800}, {1920, 1080}, {390, 844}} {
		w.resize(size[0], size[1])
		w.press("#add button")
		w.count("#rows li", 14+i)
		w.until(`document.activeElement.matches('.phone:last-child textarea')`)
		if !value[bool](w, selected) {
			w.Errorf("with %d px, the new phone is not in view in the list", size[0])
		}
		value[any](w, `document.querySelector('#rows [aria-pressed=true]').focus()`)
		for !value[bool](w, `document.querySelector('#rows [aria-pressed=true] .name').textContent.startsWith('whatsapp:')`) {
			w.keys(kb.ArrowUp)
			if !value[bool](w, selected) {
				w.Errorf("with %d px, the selected phone is not in view in the list", size[0])
			}
		}
		if !value[bool](w, end) {
			w.Errorf("with %d px, the end of the number is cut", size[0])
		}
		w.fits(fmt.Sprintf("with %d px,", size[0]), int(size[0]))
	}
	w.resize(1280, 800)
	w.press("#find")
	w.keys("900109")
	w.count("#rows li:not([hidden])", 1)
	w.press("#rows li:not([hidden]) button")
	w.until(`document.querySelector('#rows [aria-pressed=true] .name').textContent.endsWith('109')`)
	w.press("#find")
	for range "900109" {
		w.keys(kb.Backspace)
	}
	w.count("#rows li:not([hidden])", 16)
	w.until(selected) // the list is no longer filtered
	w.resize(1280, 480)
	w.until(selected)
}
