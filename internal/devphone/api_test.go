package devphone_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"smsession/internal/devphone"
	"smsession/internal/webhooktest"
)

// post sends JSON. It reads the response into v, if v is not nil, and returns the status.
func (s *service) post(path, body string, v any) int {
	s.tb.Helper()
	return s.read(s.request("POST", path, body, headers("Content-Type", "application/json")), v)
}

func (s *service) get(path string, v any) int {
	s.tb.Helper()
	return s.read(s.request("GET", path, "", headers()), v)
}

// read reads a response. It checks that the response does not contain the auth token, and that an error is one
// sentence.
func (s *service) read(a response, v any) int {
	s.tb.Helper()
	if strings.Contains(a.body, webhooktest.AuthToken) {
		s.tb.Errorf("the auth token is in %s", a.body)
	}
	if a.status == http.StatusOK && v != nil {
		if err := json.Unmarshal([]byte(a.body), v); err != nil {
			s.tb.Errorf("%s: %v", a.body, err)
		}
	}
	if a.status != http.StatusOK && !regexp.MustCompile(`^[A-Z][^\n]*\.\n$`).MatchString(a.body) {
		s.tb.Errorf("the error is not one sentence: %q", a.body)
	}
	return a.status
}

// device is a phone in the response of /dev/state.
type device struct {
	ID, From, To string
	Elsewhere    bool
	Last         int
	Entries      []entry
}

type entry struct {
	ID      int
	Kind    string
	Message struct {
		SID    string
		Body   string
		Forged bool
	}
	Outcome struct {
		OK       bool
		Cookie   string
		Replies  []struct{ Body string }
		Findings []struct {
			Code    int
			Warning bool
		}
	}
}

// reply returns the text of the reply, or "" if there is not exactly one.
func (e entry) reply() string {
	if len(e.Outcome.Replies) != 1 {
		return ""
	}
	return e.Outcome.Replies[0].Body
}

func (s *service) phones() []device {
	s.tb.Helper()
	var state struct{ Phones []device }
	if status := s.get("/dev/state", &state); status != 200 {
		s.tb.Fatalf("/dev/state is answered %d", status)
	}
	return state.Phones
}

func TestBadRequests(t *testing.T) {
	s := newService(t)
	for _, row := range []struct {
		name, path, body string
		want             int
	}{
		{"a form is refused", "/dev/act", `phone=1`, 400},
		{"an empty body is refused", "/dev/act", ``, 400},
		{"a list is refused", "/dev/act", `[]`, 400},
		{"half an object is refused", "/dev/act", `{"phone":"1"`, 400},
		{"two objects are refused", "/dev/act", hello + hello, 400},
		{"an object and something else is refused", "/dev/act", hello + "x", 400},
		{"an unknown field is refused", "/dev/act", `{"phone":"1","kind":"text","body":"x","token":"x"}`, 400},
		{"a field of another type is refused", "/dev/act", `{"phone":1,"kind":"text","body":"x"}`, 400},
		{"more than 32 KiB are refused", "/dev/act",
			`{"phone":"1","kind":"text","body":"` + strings.Repeat("x", 33<<10) + `"}`, 413},
		{"an unknown phone is not found", "/dev/act", `{"phone":"7","kind":"text","body":"x"}`, 404},
		{"a missing phone is not found", "/dev/act", `{"kind":"text","body":"x"}`, 404},
		{"an unknown kind is refused", "/dev/act", `{"phone":"1","kind":"call","body":"x"}`, 400},
		{"a missing kind is refused", "/dev/act", `{"phone":"1"}`, 400},
		{"a missing text is refused", "/dev/act", `{"phone":"1","kind":"text"}`, 400},
		{"a text of white space is refused", "/dev/act", `{"phone":"1","kind":"text","body":" \n "}`, 400},
		{"1,601 characters are refused", "/dev/act",
			`{"phone":"1","kind":"text","body":"` + strings.Repeat("x", 1601) + `"}`, 400},
		{"there is no message to send again", "/dev/act", `{"phone":"1","kind":"again"}`, 409},
		{"an unknown phone cannot lose its cookies", "/dev/act", `{"phone":"7","kind":"lose"}`, 404},
		{"0 hours cannot be skipped", "/dev/act", `{"phone":"1","kind":"skip"}`, 400},
		{"negative hours cannot be skipped", "/dev/act", `{"phone":"1","kind":"skip","hours":-4}`, 400},
		{"half an hour cannot be skipped", "/dev/act", `{"phone":"1","kind":"skip","hours":0.5}`, 400},
		{"more than 30 days cannot be skipped", "/dev/act", `{"phone":"1","kind":"skip","hours":721}`, 400},
		{"an unknown phone cannot be closed", "/dev/close", `{"phone":"7"}`, 404},
		{"a second phone with the same number is refused", "/dev/open", `{"from":"` + from + `"}`, 409},
		{"a number of 257 bytes is refused", "/dev/open", `{"from":"+` + strings.Repeat("1", 256) + `"}`, 400},
		{"a number with a line break is refused", "/dev/open", `{"from":"+1\n2"}`, 400},
		{"a name with a line break is refused", "/dev/open", `{"from":"a\nb"}`, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status := s.post(row.path, row.body, nil); status != row.want {
				t.Errorf("the status is %d, want %d", status, row.want)
			}
		})
	}
	for _, path := range []string{"/dev/session", "/dev/session?phone=7", "/dev/message?phone=1",
		"/dev/message?phone=1&entry=x",
		"/dev/message?phone=7&entry=1"} {
		if status := s.get(path, nil); status != 404 {
			t.Errorf("the status of %s is %d, want 404", path, status)
		}
	}
	if n := s.size(); n != 0 {
		t.Errorf("there are %d keys in Redis", n)
	}
	if last := s.phones()[0].Last; last != 0 {
		t.Errorf("there are %d entries in the log", last)
	}
}

func TestRoutes(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/", "/dev/page.js", "/dev/base.css", "/dev/state", "/dev/message", "/dev/session"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PURGE"} {
			if a := s.request(method, path, "", headers()); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s is answered %d with Allow %q", method, path, a.status, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/dev/open", "/dev/close", "/dev/act"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PURGE"} {
			if a := s.request(method, path, "", headers()); a.status != 405 || a.header.Get("Allow") != "POST" {
				t.Errorf("%s %s is answered %d with Allow %q", method, path, a.status, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/dev", "/dev/", "/dev//", "/dev/other", "/dev/page.html", "/dev/../", "//",
		"/index.html", "/dev/state/",
		"/dev/%73tate", "/dev/..%2fpage.html"} {
		for _, method := range []string{"GET", "POST"} {
			if a := s.request(method, path, "", headers()); a.status != 404 {
				t.Errorf("%s %s is answered %d, want 404", method, path, a.status)
			}
		}
	}
}

// Nobody owns the numbers 555-0100 to 555-0199: https://nationalnanpa.com.
func TestOpen(t *testing.T) {
	s := newService(t)
	fictitious := regexp.MustCompile(`^\+120255501\d\d$`)
	seen := map[string]bool{from: true}
	for range 19 {
		var d device
		if status := s.post("/dev/open", `{}`, &d); status != 200 {
			t.Fatalf("opening a phone is answered %d", status)
		}
		if !fictitious.MatchString(d.From) || seen[d.From] {
			t.Errorf("a phone has the number %s", d.From)
		}
		seen[d.From] = true
	}
	if status := s.post("/dev/open", `{}`, nil); status != 409 {
		t.Errorf("opening the 21st phone is answered %d, want 409", status)
	}
	if status := s.post("/dev/close", `{"phone":"1"}`, nil); status != 200 {
		t.Errorf("closing a phone is answered %d", status)
	}
	var d device
	if status := s.post("/dev/open", `{"from":" whatsapp:+15551234567 "}`, &d); status != 200 ||
		d.From != "whatsapp:+15551234567" {
		t.Errorf("opening a phone with a number is answered %d, %s", status, d.From)
	}
	if n := len(s.phones()); n != 20 {
		t.Errorf("there are %d phones", n)
	}
}

func TestLogIsBounded(t *testing.T) {
	s := newService(t)
	s.press("1", "text", "hello")
	for range 200 {
		s.press("1", "lose", "")
	}
	d := s.phones()[0]
	if len(d.Entries) != 200 || d.Last != 201 || d.Entries[0].ID != 2 || d.Entries[199].ID != 201 {
		t.Errorf("%d of %d entries are in the log, from %d", len(d.Entries), d.Last, d.Entries[0].ID)
	}
	if status := s.get("/dev/message?phone=1&entry=1", nil); status != 404 {
		t.Errorf("a dropped entry is answered %d", status)
	}
	if status := s.post("/dev/act", `{"phone":"1","kind":"again"}`, nil); status != 409 {
		t.Errorf("sending a dropped message again is answered %d", status)
	}
}

func TestIdleTimeout(t *testing.T) {
	for idle, want := range map[time.Duration]string{
		4 * time.Hour: "4h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 10 * time.Second: "10s",
		100 * time.Second: "100s",
	} {
		s := newService(t, func(o *devphone.Options) { o.IdleTimeout = idle })
		if page := s.request("GET", "/", "", headers()).body; !strings.Contains(page, "for "+want+" has ended") {
			t.Errorf("the page does not mention the time-out %s as %s", idle, want)
		}
	}
}

// Twilio delivers no message from WhatsApp to a number that is not WhatsApp's.
func TestWhatsApp(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		var d device
		if status := s.post("/dev/open", `{"from":"whatsapp:+15551234567"}`, &d); status != 200 {
			t.Fatalf("opening the phone is answered %d", status)
		}
		first := s.press(d.ID, "text", "hi")[0]
		if first.reply() != webhooktest.Greeting(1) || len(first.Outcome.Findings) != 0 {
			t.Errorf("the reply is %q, the findings are %+v", first.reply(), first.Outcome.Findings)
		}
		if v := s.session(d.ID); v.Record == nil || !strings.Contains(v.Record.Raw, `"to":"whatsapp:+15005550006"`) {
			t.Errorf("the record is %+v", v.Record)
		}
		s.press(d.ID, "skip", "")
		if v := s.session(d.ID); v.Record != nil {
			t.Errorf("after four hours, the record is %+v", v.Record)
		}
	})
}
