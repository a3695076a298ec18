package devphone_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"smsession/internal/webhooktest"
)

// TestInChromium uses the page as people do. All rows share a browser. Each row has its own service and its own tab.
// The browser must report no error, such as an exception or a violation of the Content-Security-Policy.
func TestInChromium(t *testing.T) {
	browser := chromium(t)
	rows := []struct {
		name string
		run  func(s *service, w *tab)
	}{
		{"a message gets a reply", sendAndReply},
		{"the guide is open until the first message", guide},
		{"the same message again gets the same reply", sendAgain},
		{"a burst gets five different replies", sendBurst},
		{"a conversation continues without its cookie", loseCookie},
		{"a conversation starts again after four hours", skipHours},
		{"a bad signature is refused with Twilio's error number", forge},
		{"STOP ends the session", stop},
		{"hostile text is shown as text", hostile},
		{"two phones have two conversations", twoPhones},
		{"everything can be done with the keyboard", keyboard},
		{"messages from elsewhere appear in their phones", elsewhere},
		{"a record that another program changes is said to be changed", changedInRedis},
		{"a conversation that is older than the page is said to be so", olderThanPage},
		{"the page shows what another window does", twoWindows},
		{"an error is shown", refused},
		{"every element has a name for a screen reader", named},
		{"text has enough contrast in light and dark", contrast},
		{"nothing moves if the person prefers reduced motion", motion},
		{"a narrow screen needs no horizontal scrolling", narrow},
		{"the newest message of each phone is in view", newest},
		{"the command is copied", copyCommand},
		{"a text may have several lines", severalLines},
		{"a text from right to left is shown so", rightToLeft},
		{"characters and segments are counted", counted},
		{"a text that is too long is neither cut nor sent", tooLong},
		{"a message can be changed and sent again", editAndSend},
		{"a message is copied as a command that repeats it", copyAsCurl},
		{"a picture of the person is shown and sent", ownPicture},
		{"eight phones are found in a list", listed},
		{"the list shows the selected phone and the end of its number", longList},
		{"100 messages leave room for everything", hundred},
		{"a second tab follows the first", secondTab},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newService(t)
			w := newTab(t, browser, s.url)
			w.resize(1280, 800)
			row.run(s, w)
			w.checkComplaints()
		})
	}
	for name, run := range map[string]func(*testing.T, context.Context){
		"a page survives a restart of the service":      restarted,
		"the policy stops scripts and foreign pictures": policed,
		"another site can neither read nor send":        attacked,
		"a rebound name can neither read nor send":      rebound,
		"another site cannot show the page in a frame":  framed,
		"a handset opens the page by its address":       fromHandset,
		"a page keeps its messages over a restart":      kept,
	} {
		t.Run(name, func(t *testing.T) { run(t, browser) })
	}
}

func sendAndReply(s *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.until(`document.querySelector('#state').textContent === 'live'`)
	w.count("#exchanges pre.body", 1)
	if got := w.texts(".bubble"); !slices.Equal(got, []string{"You: Hello", "Reply: " + webhooktest.Greeting(1)}) {
		w.Errorf("the messages are %q", got)
	}
	status := w.texts(".status")[0]
	if !regexp.MustCompile(`^\d\d:\d\d( [AP]M)? · delivered · cookie new · [\d.]+\x{a0}ms$`).MatchString(status) {
		w.Errorf("the status is %q", status)
	}
	shown := w.texts("#exchanges")[0]
	x := s.exchanges("1", s.phones()[0].Entries[0])[0]
	for _, want := range []string{"POST " + s.url + "/sms", x.Signature, "I-Twilio-Idempotency-Token", "NumSegments",
		x.ResponseBody, x.ResponseHeader["Set-Cookie"][0]} {
		if !strings.Contains(shown, want) {
			w.Errorf("the panel does not show %s: %s", want, shown)
		}
	}
	if got, want := w.texts("#record")[0], s.session("1").Record.Pretty; got != want {
		w.Errorf("the record is shown as %s, want %s", got, want)
	}
	w.until(`/^3:59:\d\d left$/.test(document.querySelector('#ttl').textContent)`)
	now := w.texts("#ttl")[0]
	w.until(`document.querySelector('#ttl').textContent < ` + js(now))
	if value[string](w, `document.activeElement.name`) != "body" {
		w.Error("the text field has lost the focus")
	}
}

func guide(_ *service, w *tab) {
	guide := w.texts("#guide")[0]
	for _, want := range []string{"no account", "kept in Redis", "exactly once", "cannot do with a real phone"} {
		if !strings.Contains(guide, want) {
			w.Errorf("the guide does not mention %q", want)
		}
	}
	for _, kind := range value[[]string](w,
		`[...document.querySelectorAll('.actions button')].map((b) => b.dataset.kind)`) {
		if got := w.texts("#guide [data-kind=" + kind + "]"); len(got) != 1 || len(got[0]) < 80 {
			w.Errorf("the guide has the texts %q for %s", got, kind)
		}
	}
	if !value[bool](w, `document.querySelector('#guide').open`) {
		w.Error("the guide is closed")
	}
	w.keys("Hello\r")
	w.until(`!document.querySelector('#guide').open`)
}

func sendAgain(s *service, w *tab) {
	if !value[bool](w, `document.querySelector('[data-kind=again]').disabled`) {
		w.Error("the button Again works without a message")
	}
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=again]")
	w.count(".in", 2)
	if got := w.texts(".in"); got[0] != got[1] {
		w.Errorf("the replies are %q", got)
	}
	if got := w.texts(".status"); !strings.Contains(got[1], " · delivered again · cookie kept") {
		w.Errorf("their status is %q", got)
	}
}

func sendBurst(_ *service, w *tab) {
	w.press("[data-kind=burst]")
	w.count(".in", 5)
	got := w.texts(".in")
	slices.Sort(got)
	want := []string{"Reply: " + webhooktest.Greeting(1)}
	for n := 2; n <= 5; n++ {
		want = append(want, "Reply: "+webhooktest.Greeting(n))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("the replies are %q", got)
	}
	w.until(`document.querySelector('#record').textContent.includes('"counter": 5')`)
}

func loseCookie(_ *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('.cookie').textContent.startsWith('cookie ')`)
	w.press("[data-kind=lose]")
	w.until(`document.querySelector('.cookie').textContent === 'no cookie'`)
	w.press(".phone textarea")
	w.keys("Do you know me?\r")
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: "+webhooktest.Greeting(2) {
		w.Errorf("the reply is %q", got)
	}
	w.until(`document.querySelector('.cookie').textContent.startsWith('cookie ')`)
}

func skipHours(_ *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('#state').textContent === 'live'`)
	w.press("[data-kind=skip]")
	w.until(`document.querySelector('#state').textContent === 'none'`)
	w.until(`document.querySelector('.cookie').textContent === 'no cookie'`)
	w.press(".phone textarea")
	w.keys("Hello again\r")
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: "+webhooktest.Greeting(1) {
		w.Errorf("the reply is %q", got)
	}
}

func forge(s *service, w *tab) {
	w.press("[data-kind=forge]")
	w.count(".log .finding", 1)
	if got := w.texts(".log .finding")[0]; !strings.HasPrefix(got, "11217 ") || !strings.Contains(got, "403") {
		w.Errorf("the error is %q", got)
	}
	w.count("#exchanges .exchange", 2)
	if got := w.texts("#exchanges .exchange summary")[0]; !strings.Contains(got, "403") {
		w.Errorf("the panel shows %q", got)
	}
	if got := w.texts("#state")[0]; got != "none" || s.size() != 0 {
		w.Errorf("the session is %s, and there are %d keys", got, s.size())
	}
}

func stop(_ *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("[data-kind=stop]")
	w.until(`document.querySelector('#state').textContent === 'ended'`)
	if got := w.texts(".twilio"); len(got) != 1 ||
		!strings.HasPrefix(got[0], "Twilio: You have successfully been unsubscribed.") {
		w.Errorf("Twilio's own answer to STOP is shown as %q", got)
	}
	w.until(`document.querySelector('.opted-out').checkVisibility()`)
	w.press(".phone textarea")
	w.keys("Hello again\r")
	w.count(".refused", 1)
	w.until(`document.querySelector('.entry:last-child').textContent.includes('not delivered (21610)')`)
	if got := w.texts("[data-kind=stop]")[0]; got != "START" {
		w.Errorf("the button of an opted-out phone is %q", got)
	}
	w.press("[data-kind=stop]")
	w.until(`!document.querySelector('.opted-out').checkVisibility()`)
	w.press(".phone textarea")
	w.keys("And now?\r")
	w.until(`document.querySelector('.entry:last-child .in:not(.refused)')`)
}

// hostile sends texts from https://owasp.org/www-community/xss-filter-evasion-cheatsheet.
func hostile(s *service, w *tab) {
	texts := []string{
		`<script>window.hacked = 1</script>`,
		`<img src=x onerror="window.hacked = 1">`,
		`"><svg/onload=window.hacked=1>`,
		`{{.To}} ${window.hacked = 1} &lt;b&gt;`,
	}
	for i, text := range texts {
		name := "messenger:" + text
		w.do(chromedp.SetValue(chromedp.CSS("#number"), name))
		w.press("#add button")
		w.count(".phone", i+2)
		w.keys(text + "\r")
		w.count(".out", i+1)
		w.count(`.current .in`, 1)
		if got := w.texts(".current .out")[0]; got != "You: "+text {
			w.Errorf("the text %s is shown as %s", text, got)
		}
		if got := w.texts(".current .number")[0]; got != name {
			w.Errorf("the number %s is shown as %s", name, got)
		}
		w.until(`document.querySelector('#message .from').textContent === ` + js(name))
		w.until(`[` + js(text) + `, ` + js(name) + `].every((text) => [...document.querySelectorAll('#exchanges td')].some((e) => e.textContent === text))`)
		w.until(`document.querySelector('#record').textContent === ` + js(s.session(s.phones()[i+1].ID).Record.Pretty))
	}
	if value[bool](w, `'hacked' in window`) {
		w.Error("a text was run as a script")
	}
	if n := value[int](w, `document.querySelectorAll('script').length + document.querySelectorAll('img:not(.icon), svg, main b:not(#exchanges b)').length`); n != 1 {
		w.Errorf("there are %d scripts and pictures, want one script", n)
	}
}

func twoPhones(_ *service, w *tab) {
	w.keys("First\r")
	w.count(".in", 1)
	w.press("#add button")
	w.count(".phone", 2)
	w.keys("Second\r")
	w.count(".in", 2)
	w.press(".phone:nth-child(1) textarea")
	w.keys("First again\r")
	w.count(".in", 3)
	left, right := w.texts(".phone:nth-child(1) .bubble"), w.texts(".phone:nth-child(2) .bubble")
	if !slices.Equal(left, []string{"You: First", "Reply: " + webhooktest.Greeting(1), "You: First again",
		"Reply: " + webhooktest.Greeting(2)}) {
		w.Errorf("the left phone shows %q", left)
	}
	if !slices.Equal(right, []string{"You: Second", "Reply: " + webhooktest.Greeting(1)}) {
		w.Errorf("the right phone shows %q", right)
	}
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
	w.press(".phone:nth-child(2) .number")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 1')`)
	w.until(`document.querySelector('#exchanges').textContent.includes('Second')`)
	if !value[bool](w, `[...document.querySelectorAll('.phone')].every((p) => p.checkVisibility() && p.getBoundingClientRect().right <= innerWidth)`) {
		w.Error("one of the phones cannot be seen")
	}
	w.press(".phone:nth-child(2) .close")
	w.count(".phone", 1)
	w.press(".phone .close")
	w.count(".phone", 0)
	w.until(`document.querySelector('#command').textContent === ''`)
	w.expectComplaints("404") // the page may have asked for the session while the phone was closed
}

// elsewhere sends messages without the page: from a number that has a phone, and from another one.
func elsewhere(s *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	for _, sender := range []*webhooktest.Sender{s.sender(from), s.sender("+12025550177")} {
		s.send(sender, "/sms", sender.Form(webhooktest.NewSID(), "From a shell"), 200)
	}
	w.count(".phone", 2)
	w.count(".phone:nth-child(1) .in", 2)
	w.count(".phone:nth-child(2) .in", 1)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
	want := []string{"You: Hello", "Reply: " + webhooktest.Greeting(1), "You: From a shell",
		"Reply: " + webhooktest.Greeting(2)}
	if got := w.texts(".phone:nth-child(1) .bubble"); !slices.Equal(got, want) {
		w.Errorf("the first phone shows %q", got)
	}
	want = []string{"You: From a shell", "Reply: " + webhooktest.Greeting(1)}
	if got := w.texts(".phone:nth-child(2) .bubble"); !slices.Equal(got, want) {
		w.Errorf("the other phone shows %q", got)
	}
	if got := w.texts(".elsewhere button.status")[0]; !strings.Contains(got, "from elsewhere") {
		w.Errorf("the status is %q", got)
	}
	if got := w.texts("#notice")[0]; got != "" {
		w.Errorf("the notice is %q", got)
	}
}

// changedInRedis changes the record without a message, as redis-cli does.
func changedInRedis(s *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 1')`)
	w.read(2) // the change by the message is explained
	record := s.session("1").Record
	changed := strings.Replace(record.Raw, `"counter":1`, `"counter":41`, 1)
	if _, err := s.conn.Do("SET", record.Key, changed, "KEEPTTL"); err != nil {
		w.Fatal(err)
	}
	w.until(`document.querySelector('#record').textContent.includes('"counter": 41')`)
	w.until(`document.querySelector('#notice').textContent.includes('Another program')`)
	w.keys("Me again\r")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 42')`)
	w.until(`document.querySelector('#notice').textContent === ''`)
}

// olderThanPage opens a phone whose conversation is already in Redis.
func olderThanPage(s *service, w *tab) {
	s.say("1", "hello")
	s.post("/dev/open", `{"from":"+12025550177"}`, nil)
	s.post("/dev/close", `{"phone":"1"}`, nil)
	s.post("/dev/open", `{"from":"`+from+`"}`, nil)
	w.count(".phone", 2)
	w.press(".phone:nth-child(2) .number")
	w.until(`document.querySelector('#notice').textContent.includes('older than this page')`)
	w.press(".phone:nth-child(2) textarea")
	w.keys("Hello\r")
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
	w.until(`document.querySelector('#notice').textContent === ''`)
	w.expectComplaints("404") // the page may have asked for the session while the phone was closed
}

func twoWindows(s *service, w *tab) {
	s.say("1", "from another window")
	w.count(".in", 1)
	s.post("/dev/open", `{"from":"+15551234567"}`, nil)
	s.say("1", "once more")
	w.count(".phone", 2)
	s.post("/dev/close", `{"phone":"1"}`, nil)
	w.count(".phone", 1)
	if got := w.texts(".phone .number"); !slices.Equal(got, []string{"+15551234567"}) {
		w.Errorf("the phones are %q", got)
	}
	// The page gets a 404 for the closed phone, and the browser reports it.
	w.expectComplaints("404")
}

func refused(_ *service, w *tab) {
	w.do(chromedp.SetValue(chromedp.CSS("#number"), from))
	w.press("#add button")
	w.until(`document.querySelector('#problem').textContent === 'There is already a phone with this number.'`)
	w.press("#number")
	for range from {
		w.keys(kb.Backspace)
	}
	w.keys("\r")
	w.count(".phone", 2)
	w.until(`document.querySelector('#problem').hidden`)
	w.expectComplaints("409")
}

func copyCommand(s *service, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('#command').textContent === ` + js(s.session("1").Command))
	w.press("#copy")
	w.until(`document.querySelector('#copy').textContent === 'Copied'`)
	if got := w.clipboard(); got != s.session("1").Command {
		w.Errorf("the clipboard has %q", got)
	}
}
