package devphone_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/devphone"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// shownCall is a call in the response of /dev/message.
type shownCall struct {
	Attempt        int
	Fault, Problem string
	Before, After  [][2]string
	Exchanges      []struct {
		Method, URL  string
		Header       [][2]string
		Body, Answer struct {
			Text   string
			Bytes  int
			IsCut  bool `json:"is_cut"`
			IsUTF8 bool `json:"is_utf8"`
		}
		Tries, Status int
	}
}

// calls returns the calls that the page shows for an entry of the first phone. They are nil if there is no app.
func (s *service) calls(entry int) []shownCall {
	s.tb.Helper()
	var message struct{ Calls []shownCall }
	if status := s.get(fmt.Sprintf("/dev/message?phone=1&entry=%d", entry), &message); status != 200 {
		s.tb.Fatalf("/dev/message is answered %d", status)
	}
	return message.Calls
}

// withApp sets the URL of the app.
func withApp(url string) func(*devphone.Options) {
	return func(o *devphone.Options) { o.App = weburl.Split(url) }
}

func TestCallsBelongToDeliveries(t *testing.T) {
	s := newService(t, withApp("http://127.0.0.1:1/sms"))
	first := s.press("1", "text", "hello")[0]
	s.page.ObserveCall(app.Call{
		SID: first.Message.SID, Attempt: 1, Err: conversation.Fault("not_twiml"), Problem: "It is no XML.", Code: 12100,
	})
	s.page.ObserveCall(app.Call{SID: webhooktest.NewSID(), Attempt: 1})
	s.page.ObserveCall(app.Call{
		SID: first.Message.SID, Attempt: 2, Before: []byte(`{"data":{"b":{"c":[1, 2]},"a":12345678901234567890}}`),
	})
	s.press("1", "again", "")
	s.press("1", "lose", "")

	got := s.calls(1)
	before := [][2]string{{"a", "12345678901234567890"}, {"b", `{"c":[1, 2]}`}}
	if len(got) != 2 || got[0].Fault != "not_twiml" ||
		got[0].Problem != "Twilio would report error 12100. It is no XML." || got[1].Attempt != 2 ||
		got[1].Fault != "" || !slices.Equal(got[1].Before, before) || len(got[1].After) > 0 {
		t.Errorf("the first delivery has the calls %+v", got)
	}
	if got := s.calls(2); got == nil || len(got) > 0 {
		t.Errorf("the repeat has the calls %+v, but the app was not called for it", got)
	}
	s.page.ObserveCall(app.Call{SID: first.Message.SID, Attempt: 1})
	if first, repeat := s.calls(1), s.calls(2); len(first) != 2 || len(repeat) != 1 {
		t.Errorf("after a call for the repeat, the deliveries have %d and %d calls", len(first), len(repeat))
	}
	if got := s.calls(3); got != nil {
		t.Errorf("the loss of a cookie has the calls %+v", got)
	}
}

func TestCallThatWaited(t *testing.T) {
	s := newService(t, withApp("http://127.0.0.1:1/sms"))
	sid := s.press("1", "text", "hello")[0].Message.SID
	s.page.ObserveCall(app.Call{SID: sid, Err: conversation.ErrWaited})
	const want = "The app was not called, because too little time was left for its answer."
	if got := s.calls(1)[0]; got.Fault != "waited" || got.Problem != want {
		t.Errorf("a call that waited too long is shown as %q %q", got.Fault, got.Problem)
	}
}

func TestCallsAreBounded(t *testing.T) {
	s := newService(t, withApp("http://127.0.0.1:1/sms"))
	sid := s.press("1", "text", "hello")[0].Message.SID
	huge := strings.Repeat("é", 64<<10)
	header := http.Header{}
	for i := range 1000 {
		header.Add("X-Many", fmt.Sprint(i))
	}
	x := app.Exchange{Method: "POST", URL: huge, Body: huge, Answer: huge, Header: header, AnswerHeader: header}
	for range 101 {
		s.page.ObserveCall(app.Call{SID: sid, Exchanges: slices.Repeat([]app.Exchange{x}, 10)})
	}
	a := s.request("GET", "/dev/message?phone=1&entry=1", "", headers())
	const limit = 100 * (64<<10 + 64<<10) // 64 KiB of text of each call, and as much for the names of the fields
	if len(a.body) > limit {
		t.Errorf("the calls have %d bytes, more than %d", len(a.body), limit)
	}
	got := s.calls(1)
	if len(got) != 100 {
		t.Errorf("the page keeps %d calls, want 100", len(got))
	}
	answer := got[0].Exchanges[0].Answer
	if !answer.IsCut || !answer.IsUTF8 || answer.Bytes != 128<<10 || !strings.HasPrefix(answer.Text, "éé") {
		t.Errorf("a huge body is shown as %d bytes, %+.40v", len(answer.Text), answer)
	}
	if n := len(got[0].Exchanges[0].Header); n != 50 {
		t.Errorf("the page keeps %d lines of a header, want 50", n)
	}
}

// Indentation would make these bodies up to 8,000 times as long.
func TestCallsWithDeepJSON(t *testing.T) {
	s := newService(t, withApp("http://127.0.0.1:1/sms"))
	sid := s.press("1", "text", "hello")[0].Message.SID
	deep := strings.Repeat("[", 8000) + strings.Repeat("]", 8000)
	wide := strings.Repeat("[", 16) + strings.Repeat("1,", 8000) + "1" + strings.Repeat("]", 16)
	s.page.ObserveCall(app.Call{SID: sid, Exchanges: []app.Exchange{
		{Body: deep, Answer: wide},
		{Body: `{"a":1}`, Answer: `{"a":1,"a":` + deep[100:len(deep)-100] + "}"},
	}})
	call := s.calls(1)[0]
	if first := call.Exchanges[0]; first.Body.Text != deep || first.Answer.Text != wide {
		t.Errorf("the bodies have %d and %d bytes", len(first.Body.Text), len(first.Answer.Text))
	}
	if n := len(call.Exchanges[1].Answer.Text); n > len(deep) {
		t.Errorf("a body with the same name twice has %d bytes", n)
	}
	if got := call.Exchanges[1].Body; got.Text != "{\n  \"a\": 1\n}" || got.Bytes != 7 {
		t.Errorf("a small body is shown as %+v", got)
	}
}

// The bytes are "café" in Latin-1, and those that UTF-8 forbids: https://www.rfc-editor.org/rfc/rfc3629#section-3.
func TestCallsThatAreNotUTF8(t *testing.T) {
	s := newService(t, withApp("http://127.0.0.1:1/sms"))
	sid := s.press("1", "text", "hello")[0].Message.SID
	s.page.ObserveCall(app.Call{SID: sid, Exchanges: []app.Exchange{{
		Status: 200, Answer: "caf\xe9", Body: "\xc0\x80\xff", AnswerHeader: http.Header{"X-A": {"\xfe\x00"}},
	}}})
	x := s.calls(1)[0].Exchanges[0]
	if x.Answer.Text != "caf\uFFFD" || x.Answer.IsUTF8 || x.Answer.Bytes != 4 || x.Answer.IsCut || x.Body.Text != "\uFFFD" {
		t.Errorf("the bodies are shown as %+v and %+v", x.Answer, x.Body)
	}
}

func TestPageWithoutApp(t *testing.T) {
	s := newService(t)
	s.press("1", "text", "hello")
	if got := s.calls(1); got != nil {
		t.Errorf("without an app, a message has the calls %+v", got)
	}
	if status := s.get("/dev/app", nil); status != 404 {
		t.Errorf("without an app, /dev/app is answered %d", status)
	}
	if page := s.request("GET", "/", "", headers()).body; strings.Contains(strings.ToLower(page), "your app") {
		t.Error("without an app, the page mentions one")
	}
}

func TestPageNamesTheApp(t *testing.T) {
	s := newService(t, withApp("http://user:s3cret@localhost:3000/sms?token=s3cret"))
	page := s.request("GET", "/", "", headers()).body
	for _, want := range []string{
		"phone and inspector for your webhook", "<dd>http://localhost:3000/sms?•••</dd>", "no account",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	if strings.Contains(page, "s3cret") {
		t.Error("the page contains the password or the query of the app's URL")
	}
}

// TestReachable stops an app and starts it again. The page must not send a request to the app, because that could
// change the state of the app.
func TestReachable(t *testing.T) {
	listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", redistest.ReservePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, withApp("http://"+listener.Addr().String()+"/sms"))
	check := func(want bool) {
		t.Helper()
		var state struct{ Reachable bool }
		if status := s.get("/dev/app", &state); status != 200 || state.Reachable != want {
			t.Errorf("/dev/app is answered %d, reachable: %t, want %t", status, state.Reachable, want)
		}
	}
	check(true)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(limit))
	if sent, err := io.ReadAll(conn); err != nil || len(sent) > 0 {
		t.Errorf("the page sends %q to the app, %v", sent, err)
	}
	conn.Close()
	listener.Close()
	check(false)
	if listener, err = net.Listen("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	check(true)
}
