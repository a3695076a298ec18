package devphone_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/chromedp/kb"

	"smsession/internal/webhooktest"
)

// shownRows returns the numbers in the list of phones that can be seen.
func (w *tab) shownRows() []string {
	w.Helper()
	return value[[]string](w, `[...document.querySelectorAll('#rows .name')].filter((e) => e.checkVisibility()).map((e) => e.textContent)`)
}

// listed opens eight phones. They are found by their numbers and texts, and with the arrow keys.
func listed(s *service, w *tab) {
	var senders []*webhooktest.Sender
	for i := range 7 {
		sender := s.sender(fmt.Sprintf("+1202555017%d", i))
		senders = append(senders, sender)
		s.send(sender, "/sms", sender.Form(webhooktest.NewSID(), fmt.Sprint("Text number ", i)), 200)
	}
	w.count("#rows li", 8)
	w.until(`[...document.querySelectorAll('.phone')].filter((e) => e.checkVisibility()).length === 1`)
	w.press("#find")
	w.keys("(202) 555-0174")
	if got := w.shownRows(); !slices.Equal(got, []string{senders[4].From}) {
		w.Errorf("by its number, the list finds %q", got)
	}
	value[any](w, `document.querySelector('#find').select()`)
	w.keys("NUMBER 3")
	if got := w.shownRows(); !slices.Equal(got, []string{senders[3].From}) {
		w.Errorf("by its text, the list finds %q", got)
	}
	value[any](w, `document.querySelector('#find').select()`)
	w.keys("nobody")
	w.until(`document.querySelector('#none').textContent === 'No phone has this number or text.'`)
	value[any](w, `document.querySelector('#find').select()`)
	w.keys(kb.Backspace + kb.Tab)
	w.until(`document.activeElement.matches('#rows button[aria-pressed=true]')`)
	w.keys(kb.ArrowDown + kb.ArrowDown)
	w.until(`document.querySelector('.current .number').textContent === ` + js(senders[1].From))
	if got := w.texts("#rows .unread"); len(got) != 5 {
		w.Errorf("%d phones have unread messages, want 5", len(got))
	}
	w.until(`document.querySelector('#message').textContent.includes('Text number 1')`)
	w.press("#others button")
	w.count("#rows li", 2)
	if got := w.texts(".phone .number"); !slices.Equal(got, []string{from, senders[1].From}) {
		w.Errorf("after the others were closed, the phones are %q", got)
	}
	w.expectComplaints("404") // the page may have asked for a phone that it closes
}

// hundred sends 100 messages. The record folds all but the last three.
func hundred(s *service, w *tab) {
	for i := range 100 {
		s.say("1", fmt.Sprint("Message ", i))
	}
	w.count(".in", 100)
	w.until(`document.querySelector('.log').scrollHeight - document.querySelector('.log').scrollTop - document.querySelector('.log').clientHeight < 2`)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 100')`)
	pretty := s.session("1").Record.Pretty
	shown := value[string](w, `document.querySelector('#record').innerText`)
	log := s.phones()[0].Entries
	for i, e := range log[len(log)-5:] {
		if isShown := strings.Contains(shown, e.Message.SID); isShown != (i >= 2) {
			w.Errorf("message %d of the last five is shown: %t\n%s", i+1, isShown, shown)
		}
	}
	if !strings.Contains(shown, "61\u00a0older ones") {
		w.Errorf("the record is shown as %s", shown)
	}
	w.press("#record .fold")
	if got := strings.Replace(w.texts("#record")[0], "61\u00a0older ones ", "", 1); got != pretty {
		w.Errorf("unfolded, the record is %s, want %s", got, pretty)
	}
	for _, size := range [][2]int64{{1280, 800}, {1920, 1080}} {
		w.resize(size[0], size[1])
		w.until(`(([a, b]) => a.height > innerHeight / 3 && b.height > innerHeight / 3 && b.bottom <= innerHeight && a.bottom < b.top)(
			['#message', '#redis'].map((id) => document.querySelector(id).getBoundingClientRect()))`)
		w.fits(fmt.Sprintf("with %d px,", size[0]), int(size[0]))
	}
	w.resize(390, 844)
	w.fits("on a handset,", 390)
}

// secondTab follows what the first one does, also in a phone that it does not show in its panels.
func secondTab(s *service, w *tab) {
	s.post("/dev/open", `{}`, nil)
	w.count(".phone", 2)
	other := newTab(w.T, w.browser, s.url)
	w.press(".phone:nth-child(2) textarea")
	w.keys("Second phone\r")
	w.count(".phone:nth-child(2) .in", 1)
	other.count(".phone:nth-child(2) .in", 1)
	other.until(`document.querySelector('.phone:nth-child(1)').classList.contains('current')`)
	if got := other.texts(".phone:nth-child(2) .out .text"); !slices.Equal(got, []string{"Second phone"}) {
		w.Errorf("the second tab shows %q", got)
	}
	other.checkComplaints()
}
