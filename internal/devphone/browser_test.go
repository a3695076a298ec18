package devphone_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestInChromium uses the page as people do. One browser serves all rows, each with a service and a window of its own; at
// the end of each the browser must have nothing to complain of, the Content-Security-Policy included.
func TestInChromium(t *testing.T) {
	browser := chromium(t)
	rows := []struct {
		name string
		run  func(s *service, w *tab)
	}{
		{"a message is typed, and its reply appears", sendAndReply},
		{"the page teaches before anything has happened", teach},
		{"the same message again gets the same reply", sendAgain},
		{"a burst gets five numbers", sendBurst},
		{"a conversation goes on without its cookie", loseCookie},
		{"a conversation that was idle for four hours begins anew", skipHours},
		{"a bad signature is refused, with Twilio's number for it", forge},
		{"STOP ends the session", stop},
		{"hostile text is text", hostile},
		{"two phones side by side keep apart", twoPhones},
		{"everything can be done from the keyboard", keyboard},
		{"a message from elsewhere shows in the record", elsewhere},
		{"another window shows the same", twoWindows},
		{"what cannot be done is said", refused},
		{"everything has a name for a screen reader", named},
		{"text can be read in light and dark", contrast},
		{"nothing moves for who does not want it", motion},
		{"a narrow screen needs no sideways scrolling", narrow},
		{"the newest message is in view whichever phone is turned to", newest},
		{"the line for a shell is copied", copyLine},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newService(t)
			w := newTab(t, browser, s.url)
			w.resize(1280, 800)
			row.run(s, w)
			w.clean()
		})
	}
	for name, run := range map[string]func(*testing.T, context.Context){
		"a service that is started again is taken up":     restarted,
		"the policy stops what would break it":            policed,
		"another site gets nothing":                       attacked,
		"a name that was bound to this host gets nothing": rebound,
		"the page cannot be framed":                       framed,
	} {
		t.Run(name, func(t *testing.T) { run(t, browser) })
	}
}

func sendAndReply(s *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.until(`document.querySelector('#state').textContent === 'live'`)
	w.count("#exchange pre.body", 1)
	if got := w.texts(".bubble"); !slices.Equal(got, []string{"You: Hello", "Reply: " + tutorial(1)}) {
		w.Errorf("the bubbles are %q", got)
	}
	status := strings.ReplaceAll(w.texts(".status")[0], "\u00a0", " ")
	if !strings.HasPrefix(status, "delivered · cookie new · 1 segment · ") || !strings.HasSuffix(status, " ms") {
		w.Errorf("its status is %q", status)
	}
	shown := w.texts("#exchange")[0]
	x := s.message("1", s.phones()[0].Entries[0]).Exchanges[0]
	for _, want := range []string{"POST " + s.url + "/sms", x.Signature, "I-Twilio-Idempotency-Token", "NumSegments", x.ResponseBody, x.ResponseHeader["Set-Cookie"][0]} {
		if !strings.Contains(shown, want) {
			w.Errorf("the panel does not show %s: %s", want, shown)
		}
	}
	if got, want := w.texts("#record")[0], s.session("1").Record.Pretty; got != want {
		w.Errorf("the record is shown as %s, want %s", got, want)
	}
	w.until(`/^3:59:\d\d left$/.test(document.querySelector('#left').textContent)`)
	now := w.texts("#left")[0]
	w.until(`document.querySelector('#left').textContent < ` + js(now))
	if value[string](w, `document.activeElement.name`) != "body" {
		w.Error("the next message cannot be typed at once")
	}
}

func teach(_ *service, w *tab) {
	lesson := w.texts("#lesson")[0]
	for _, want := range []string{"no account", "kept in Redis", "exactly once", "cannot do with a real phone"} {
		if !strings.Contains(lesson, want) {
			w.Errorf("it does not say %q", want)
		}
	}
	for _, kind := range value[[]string](w, `[...document.querySelectorAll('.tools button')].map((b) => b.dataset.kind)`) {
		if got := w.texts("#lesson [data-kind=" + kind + "]"); len(got) != 1 || len(got[0]) < 80 {
			w.Errorf("of %s it says %q", kind, got)
		}
	}
	if !value[bool](w, `document.querySelector('#lesson').open`) {
		w.Error("it is folded away")
	}
	w.keys("Hello\r")
	w.until(`!document.querySelector('#lesson').open`)
}

func sendAgain(s *service, w *tab) {
	if !value[bool](w, `document.querySelector('[data-kind=again]').disabled`) {
		w.Error("what was never sent can be sent again")
	}
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=again]")
	w.count(".in", 2)
	if got := w.texts(".in"); got[0] != got[1] {
		w.Errorf("the replies are %q", got)
	}
	if got := w.texts(".status"); !strings.HasPrefix(got[1], "delivered again · cookie kept") {
		w.Errorf("their status is %q", got)
	}
}

func sendBurst(_ *service, w *tab) {
	w.press("[data-kind=burst]")
	w.count(".in", 5)
	got := w.texts(".in")
	slices.Sort(got)
	want := []string{"Reply: " + tutorial(1)}
	for n := 2; n <= 5; n++ {
		want = append(want, "Reply: "+tutorial(n))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("the replies are %q", got)
	}
	w.until(`document.querySelector('#record').textContent.includes('"counter": 5')`)
}

func loseCookie(_ *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('.jar').textContent.startsWith('cookie ')`)
	w.press("[data-kind=lose]")
	w.until(`document.querySelector('.jar').textContent === 'no cookie'`)
	w.press(".phone input")
	w.keys("Do you know me?\r")
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: "+tutorial(2) {
		w.Errorf("the reply is %q", got)
	}
	w.until(`document.querySelector('.jar').textContent.startsWith('cookie ')`)
}

func skipHours(_ *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('#state').textContent === 'live'`)
	w.press("[data-kind=skip]")
	w.until(`document.querySelector('#state').textContent === 'none'`)
	w.until(`document.querySelector('.jar').textContent === 'no cookie'`)
	w.press(".phone input")
	w.keys("Hello again\r")
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: "+tutorial(1) {
		w.Errorf("the reply is %q", got)
	}
}

func forge(s *service, w *tab) {
	w.press("[data-kind=forge]")
	w.count(".log .finding", 1)
	if got := w.texts(".log .finding")[0]; !strings.HasPrefix(got, "11217 ") || !strings.Contains(got, "403") {
		w.Errorf("it says %q", got)
	}
	w.count("#exchange .exchange", 2)
	if got := w.texts("#exchange .exchange summary")[0]; !strings.Contains(got, "403") {
		w.Errorf("the panel says %q", got)
	}
	if got := w.texts("#state")[0]; got != "none" || s.size() != 0 {
		w.Errorf("there is a session: %s, %d keys", got, s.size())
	}
}

func stop(_ *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=stop]")
	w.until(`document.querySelector('#state').textContent === 'ended'`)
	if got := w.texts(".entry:last-child .meta"); !slices.Equal(got, []string{"no reply"}) {
		w.Errorf("under it stands %q", got)
	}
}

// hostile texts, from https://owasp.org/www-community/xss-filter-evasion-cheatsheet.
func hostile(s *service, w *tab) {
	texts := []string{
		`<script>window.hacked = 1</script>`,
		`<img src=x onerror="window.hacked = 1">`,
		`"><svg/onload=window.hacked=1>`,
		`{{.To}} ${window.hacked = 1} &lt;b&gt;`,
	}
	for i, text := range texts {
		w.do(chromedp.SetValue(chromedp.CSS("#number"), text))
		w.press("#add button")
		w.count(".phone", i+2)
		w.keys(text + "\r")
		w.count(".out", i+1)
		w.count(`.current .in`, 1)
		if got := w.texts(".current .out")[0]; got != "You: "+text {
			w.Errorf("the bubble of %s is %s", text, got)
		}
		if got := w.texts(".current .number")[0]; got != text {
			w.Errorf("the number %s is shown as %s", text, got)
		}
		w.until(`document.querySelector('#wire .whose').textContent === ` + js(text))
		w.until(`[...document.querySelectorAll('#exchange td')].filter((e) => e.textContent === ` + js(text) + `).length === 2`)
		w.until(`document.querySelector('#record').textContent === ` + js(s.session(s.phones()[i+1].ID).Record.Pretty))
	}
	if value[bool](w, `'hacked' in window`) {
		w.Error("one of them was run")
	}
	if n := value[int](w, `document.querySelectorAll('script').length + document.querySelectorAll('img, svg, main b:not(#exchange b)').length`); n != 1 {
		w.Errorf("there are %d scripts and pictures, want the page's one", n)
	}
}

func twoPhones(_ *service, w *tab) {
	w.keys("First\r")
	w.count(".in", 1)
	w.press("#add button")
	w.count(".phone", 2)
	w.keys("Second\r")
	w.count(".in", 2)
	w.press(".phone:nth-child(1) input")
	w.keys("First again\r")
	w.count(".in", 3)
	left, right := w.texts(".phone:nth-child(1) .bubble"), w.texts(".phone:nth-child(2) .bubble")
	if !slices.Equal(left, []string{"You: First", "Reply: " + tutorial(1), "You: First again", "Reply: " + tutorial(2)}) {
		w.Errorf("the left one has %q", left)
	}
	if !slices.Equal(right, []string{"You: Second", "Reply: " + tutorial(1)}) {
		w.Errorf("the right one has %q", right)
	}
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
	w.press(".phone:nth-child(2) .number")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 1')`)
	w.until(`document.querySelector('#exchange').textContent.includes('Second')`)
	if !value[bool](w, `[...document.querySelectorAll('.phone')].every((p) => p.checkVisibility() && p.getBoundingClientRect().right <= innerWidth)`) {
		w.Error("they are not both to be seen")
	}
	w.press(".phone:nth-child(2) .close")
	w.count(".phone", 1)
	w.press(".phone .close")
	w.count(".phone", 0)
	w.until(`document.querySelector('#line').textContent === ''`)
	w.forgive("404") // a question may have been on its way when its phone was closed
}

func elsewhere(s *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 1')`)
	// Not by the page: straight to the webhook, as curl and `smsession phone` do.
	params := [][2]string{{"AccountSid", accountSID}, {"Body", "hi"}, {"From", from}, {"MessageSid", "SM00000000000000000000000000000001"}, {"To", to}}
	s.deliver(params)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
	w.until(`document.querySelector('#others').textContent.includes('from elsewhere')`)
	w.keys("Me again\r")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 3')`)
	w.until(`document.querySelector('#others').textContent === ''`)
}

func twoWindows(s *service, w *tab) {
	s.say("1", "from another window")
	w.count(".in", 1)
	s.post("/dev/phones", `{"from":"+15551234567"}`, nil)
	s.say("1", "once more")
	w.count(".phone", 2)
	s.post("/dev/close", `{"phone":"1"}`, nil)
	w.count(".phone", 1)
	if got := w.texts(".number"); !slices.Equal(got, []string{"+15551234567"}) {
		w.Errorf("the phones are %q", got)
	}
	// The browser notes that a question was answered 404, which is how the page finds out.
	w.forgive("404")
}

func refused(_ *service, w *tab) {
	w.do(chromedp.SetValue(chromedp.CSS("#number"), from))
	w.press("#add button")
	w.until(`document.querySelector('#fault').textContent === 'This number has a phone already.'`)
	w.press("#number")
	for range from {
		w.keys(kb.Backspace)
	}
	w.keys("\r")
	w.count(".phone", 2)
	w.until(`document.querySelector('#fault').hidden`)
	w.forgive("409")
}

func copyLine(s *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('#line').textContent === ` + js(s.session("1").Line))
	w.press("#copy")
	w.until(`document.querySelector('#copy').textContent === 'Copied'`)
	_, err := chromedp.CallBrowser(w.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-read"}, Setting: cdpbrowser.PermissionSettingGranted,
	})
	if err != nil {
		w.Fatal(err)
	}
	if got := value[string](w, `navigator.clipboard.readText()`); got != s.session("1").Line {
		w.Errorf("%q is copied", got)
	}
}
