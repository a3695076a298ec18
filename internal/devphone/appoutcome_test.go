package devphone_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// failingTwice returns an app that fails for the first delivery of its first message: at the webhook and at the
// fallback URL.
func failingTwice() http.HandlerFunc {
	var calls atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) <= 2 {
			page500(w, r)
			return
		}
		survey(w, r)
	}
}

func repeatWithCall(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".call", 2)
	w.press("[data-kind=again]")
	w.count(".in", 2)
	w.until(`document.querySelector('#exchanges .explanation')?.textContent.endsWith('Your app was therefore called.')`)
	if got := w.texts(".explanation")[0]; strings.Contains(got, "is not called") || len(w.texts(".call")) != 1 {
		w.Errorf("the repeat is explained as %q", got)
	}
}

// failingSecond fails when it gets its cookie back.
func failingSecond(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie("session"); err == nil {
		answer("text/html", "<p>Oops<br>")(w, r)
		return
	}
	survey(w, r)
}

func faultWithState(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes", 1)
	if lines := value[int](w, `(() => {
		const word = document.createRange();
		word.selectNodeContents(document.querySelector('.changes .empty'));
		return word.getClientRects().length;
	})()`); lines != 1 {
		w.Errorf("the word none has %d lines", lines)
	}
	w.keys("Rose\r")
	w.count(".call", 2)
	want := [][]string{{"session", stepOne + "\n" + `{"step":1}`}, {"flash", `"a b"`}}
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	if got := w.cells(); !slices.EqualFunc(got[:2], want, slices.Equal[[]string]) {
		w.Errorf("the failed call shows the state %q", got)
	}
	if got := w.texts(".changes:first-of-type thead")[0]; got != "cookiesin" {
		w.Errorf("the columns are %q", got)
	}
	w.count(".exchange > summary .bad", 2) // although the status is 200
	w.count(".call .good", 0)
}

const dropped = "The session ended with this message, so the state that came out was dropped."

func stopDropsState(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes", 1)
	if got := w.texts(".call")[0]; strings.Contains(got, dropped) {
		w.Errorf("the state of a session that continues is shown as %q", got)
	}
	w.press("[data-kind=stop]")
	w.until(`document.querySelector('.call')?.textContent.includes(` + js(dropped) + `)`)
}

var endingApp = answer("application/json", `{"reply":"Bye.","data":{"step":1},"end":true}`)

func endDropsState(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('.call')?.textContent.includes(` + js(dropped) + `)`)
}

func burstInOrder(_ *service, a *ownApp, w *tab) {
	w.press("[data-kind=burst]")
	w.count(".in", 1)
	a.release(w)
	w.count(".in", 5)
	var got []string
	for _, status := range w.texts(".status") {
		got = append(got, strings.Split(status, " · ")[1])
	}
	want := []string{"delivered 1st", "delivered 2nd", "delivered 3rd", "delivered 4th", "delivered 5th"}
	if slices.Sort(got); !slices.Equal(got, want) {
		w.Errorf("the places of the messages are %q", got)
	}
	first := value[string](w, `[...document.querySelectorAll('.entry')]
		.find((e) => e.textContent.includes('delivered 1st')).querySelector('.in').textContent`)
	if first != "Reply: What is your name?" {
		w.Errorf("the first message got %q", first)
	}
}

func stateInView(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes", 1)
	w.until(`document.querySelector('#record span')?.textContent.startsWith('  "app": {')`)
	w.until(`document.querySelector('#record').scrollTop > 0`)
	if !value[bool](w, `(() => {
		const box = document.querySelector('#record').getBoundingClientRect();
		const [line] = document.querySelector('#record span').getClientRects();
		return line.top >= box.top && line.bottom <= box.bottom;
	})()`) {
		w.Error("the state of the app is not in view")
	}
}
