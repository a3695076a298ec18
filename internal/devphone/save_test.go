package devphone_test

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/devphone"
	"smsession/internal/redispool"
	"smsession/internal/webhooktest"
)

// save returns what the page would keep over a restart.
func (s *service) save() []byte {
	s.tb.Helper()
	text, err := s.page.Save()
	if err != nil {
		s.tb.Fatal(err)
	}
	return text
}

// again returns a service that goes on with the phones of s, on the same Redis.
func (s *service) again(changes ...func(*devphone.Options)) *service {
	s.tb.Helper()
	saved := s.save()
	s.close()
	return newServiceOn(s.tb, s.addr, append(changes, func(o *devphone.Options) { o.Saved = saved })...)
}

// comparable returns the response of /dev/state, without what is new in each run, and without the clock.
func (s *service) comparable() map[string]any {
	s.tb.Helper()
	var state map[string]any
	if status := s.get("/dev/state", &state); status != 200 {
		s.tb.Fatalf("/dev/state is answered %d", status)
	}
	delete(state, "run")
	delete(state, "revision")
	for _, phone := range state["phones"].([]any) {
		delete(phone.(map[string]any), "now")
	}
	return state
}

func TestSave(t *testing.T) {
	s := newService(t)
	s.post("/dev/open", `{"from":"+12025550188"}`, nil)
	s.post("/dev/open", `{"from":"+12025550189"}`, nil)
	s.post("/dev/close", `{"phone":"3"}`, nil)
	// The phone's clock is further ahead than a cookie lives.
	if status := s.post("/dev/act", `{"phone":"1","kind":"skip","hours":5}`, nil); status != 200 {
		t.Fatalf("skipping is answered %d", status)
	}
	s.say("1", "hello")
	s.press("2", "mms", "look")
	s.press("2", "stop", "")
	stranger := s.sender("+12025550177")
	s.send(stranger, "/sms", stranger.Form(webhooktest.NewSID(), "from a shell"), 200)
	before, run := s.comparable(), s.state(0).Run
	if first, second := string(s.save()), string(s.save()); first != second {
		t.Errorf("without a change, Save returns\n%s\n%s", first, second)
	}

	next := s.again()
	if after := next.comparable(); !reflect.DeepEqual(after, before) {
		t.Errorf("the state was\n%v\nand is\n%v", before, after)
	}
	if v := next.state(0); v.Run == run || v.Revision < 4 {
		t.Errorf("the run is %q, and the revision is %d", v.Run, v.Revision)
	}
	var view struct{ Now time.Time }
	if next.get("/dev/session?phone=1", &view); time.Until(view.Now).Round(time.Hour) != 5*time.Hour {
		t.Errorf("the clock of the phone is at %v", view.Now)
	}
	e := next.press("1", "text", "hello again")[0]
	if e.reply() != webhooktest.Greeting(2) || e.Outcome.Cookie != "kept" {
		t.Errorf("the next message is %+v", e)
	}
	if e := next.press("1", "again", "")[0]; e.reply() != webhooktest.Greeting(2) || e.ID != 4 {
		t.Errorf("the repeat is %+v", e)
	}
	e = next.press("2", "text", "and now?")[0]
	if len(e.Outcome.Findings) != 1 || e.Outcome.Findings[0].Code != 21610 {
		t.Errorf("the phone has sent STOP, but its next message is %+v", e)
	}
	var opened device
	if next.post("/dev/open", `{}`, &opened); opened.ID != "5" {
		t.Errorf("a new phone has the ID %q, which another phone had", opened.ID)
	}
}

// A message that was being delivered when dev ended has an error after the restart.
func TestSaveOfOpenMessage(t *testing.T) {
	s := newService(t)
	s.say("1", "hello")
	var saved map[string]any
	if err := json.Unmarshal(s.save(), &saved); err != nil {
		t.Fatal(err)
	}
	delete(saved["phones"].([]any)[0].(map[string]any)["entries"].([]any)[0].(map[string]any), "outcome")
	text, _ := json.Marshal(saved)
	next := newService(t, func(o *devphone.Options) { o.Saved = text })
	e := next.phones()[0].Entries[0]
	if e.Outcome.OK || len(e.Outcome.Findings) != 1 || e.Outcome.Findings[0].Warning {
		t.Errorf("the message is %+v", e)
	}
	if again := next.press("1", "again", "")[0]; again.Message.SID != e.Message.SID {
		t.Errorf("the button Again sends %s, want %s", again.Message.SID, e.Message.SID)
	}
}

func TestSavedPhonesAreMalformed(t *testing.T) {
	for _, text := range []string{`[]`, `{"phones":[{"id":1}]}`, `{"phones":[{"id":"1","from":"","to":"+1"}]}`} {
		o := newService(t).options(nil)
		o.Saved = []byte(text)
		if _, err := devphone.New(o); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	o := newService(t).options(nil)
	o.Saved = []byte(`{"phones":[]}`)
	if page, err := devphone.New(o); err != nil {
		t.Error(err)
	} else if text, err := page.Save(); err != nil || !strings.Contains(string(text), `"phones":null`) {
		t.Errorf("a page whose phones are all closed is saved as %s, %v", text, err)
	}
}

// kept restarts the service while the page is open, with what it has saved. The page shows all messages, and no banner.
func kept(t *testing.T, browser context.Context) {
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := listening(t, listener, embedded.Addr())
	w := newTab(t, browser, s.url)
	w.keys("Hello\r")
	w.count(".in", 1)
	saved := s.save()
	s.close()
	w.until(`document.querySelector('#problem').textContent === 'The service does not answer.'`)
	w.untilReloaded(func() {
		listener, err = net.Listen("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		next := listening(t, listener, embedded.Addr(), func(o *devphone.Options) { o.Saved = saved })
		t.Cleanup(next.close)
	})
	w.count(".in", 1)
	if got := w.texts(".bubble"); !slices.Equal(got, []string{"You: Hello", "Reply: " + webhooktest.Greeting(1)}) {
		t.Errorf("the messages are %q", got)
	}
	if !value[bool](w, `document.querySelector('#restarted').hidden`) {
		t.Errorf("the page says %q", w.texts("#restarted p"))
	}
	w.until(`document.querySelector('#exchanges').textContent.includes('The requests were not kept')`)
	w.press(".phone textarea")
	w.keys("Still there?\r")
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: "+webhooktest.Greeting(2) {
		t.Errorf("the reply is %q", got)
	}
	w.expectComplaints("ERR_CONNECTION_REFUSED")
	w.checkComplaints()
}
