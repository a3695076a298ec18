package devphone_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"smsession/internal/devphone"
)

// post sends JSON and reads the answer into what v points to, if it is not nil. It returns the status.
func (s *service) post(path, body string, v any) int {
	s.tb.Helper()
	return s.read(s.ask("POST", path, body, headers("Content-Type", "application/json")), v)
}

func (s *service) get(path string, v any) int {
	s.tb.Helper()
	return s.read(s.ask("GET", path, "", headers()), v)
}

func (s *service) read(a asked, v any) int {
	s.tb.Helper()
	if strings.Contains(a.body, token) {
		s.tb.Errorf("the auth token is in %s", a.body)
	}
	if a.status == http.StatusOK && v != nil {
		if err := json.Unmarshal([]byte(a.body), v); err != nil {
			s.tb.Errorf("%s: %v", a.body, err)
		}
	}
	if a.status != http.StatusOK && !regexp.MustCompile(`^[A-Z][^\n]*\.\n$`).MatchString(a.body) {
		s.tb.Errorf("a fault is no plain sentence: %q", a.body)
	}
	return a.status
}

// handset is a phone as /dev/state tells it.
type handset struct {
	ID, From string
	Last     int
	Entries  []entry
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

// reply is the one text that came back, "" if there is not exactly one.
func (e entry) reply() string {
	if len(e.Outcome.Replies) != 1 {
		return ""
	}
	return e.Outcome.Replies[0].Body
}

func (s *service) phones() []handset {
	s.tb.Helper()
	var state struct{ Phones []handset }
	if status := s.get("/dev/state", &state); status != 200 {
		s.tb.Fatalf("/dev/state gets %d", status)
	}
	return state.Phones
}

func TestARequestThatMakesNoSenseIsRefused(t *testing.T) {
	s := newService(t)
	long := strings.Repeat("x", 1601)
	for _, row := range []struct {
		name, path, body string
		want             int
	}{
		{"no JSON", "/dev/send", `phone=1`, 400},
		{"nothing", "/dev/send", ``, 400},
		{"a list", "/dev/send", `[]`, 400},
		{"half an object", "/dev/send", `{"phone":"1"`, 400},
		{"two objects", "/dev/send", hello + hello, 400},
		{"an object and something else", "/dev/send", hello + "x", 400},
		{"an unknown field", "/dev/send", `{"phone":"1","kind":"text","body":"x","token":"x"}`, 400},
		{"a field of another type", "/dev/send", `{"phone":1,"kind":"text","body":"x"}`, 400},
		{"more than 32 KiB", "/dev/send", `{"phone":"1","kind":"text","body":"` + strings.Repeat("x", 33<<10) + `"}`, 413},
		{"no such phone", "/dev/send", `{"phone":"7","kind":"text","body":"x"}`, 404},
		{"no phone", "/dev/send", `{"kind":"text","body":"x"}`, 404},
		{"no such kind", "/dev/send", `{"phone":"1","kind":"call","body":"x"}`, 400},
		{"no text", "/dev/send", `{"phone":"1","kind":"text"}`, 400},
		{"only space", "/dev/send", `{"phone":"1","kind":"text","body":" \n "}`, 400},
		{"1,601 characters", "/dev/send", `{"phone":"1","kind":"text","body":"` + long + `"}`, 400},
		{"nothing to send again", "/dev/send", `{"phone":"1","kind":"again"}`, 409},
		{"a burst cannot be lost", "/dev/send", `{"phone":"1","kind":"lose"}`, 400},
		{"no such phone to lose cookies", "/dev/lose", `{"phone":"7"}`, 404},
		{"no hours", "/dev/skip", `{"phone":"1"}`, 400},
		{"hours that go back", "/dev/skip", `{"phone":"1","hours":-4}`, 400},
		{"half an hour", "/dev/skip", `{"phone":"1","hours":0.5}`, 400},
		{"more than 30 days", "/dev/skip", `{"phone":"1","hours":721}`, 400},
		{"no such phone to close", "/dev/close", `{"phone":"7"}`, 404},
		{"a number that has a phone", "/dev/phones", `{"from":"` + from + `"}`, 409},
		{"a number of 257 bytes", "/dev/phones", `{"from":"+` + strings.Repeat("1", 256) + `"}`, 400},
		{"a number with a line break", "/dev/phones", `{"from":"+1\n2"}`, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status := s.post(row.path, row.body, nil); status != row.want {
				t.Errorf("it gets %d, want %d", status, row.want)
			}
		})
	}
	for path, want := range map[string]int{
		"/dev/session": 404, "/dev/session?phone=7": 404, "/dev/message?phone=1": 404, "/dev/message?phone=1&entry=x": 404,
		"/dev/message?phone=7&entry=1": 404,
	} {
		if status := s.get(path, nil); status != want {
			t.Errorf("%s gets %d, want %d", path, status, want)
		}
	}
	if n := s.size(); n != 0 {
		t.Errorf("they leave %d keys in Redis", n)
	}
	if last := s.phones()[0].Last; last != 0 {
		t.Errorf("they leave %d entries", last)
	}
}

func TestOtherMethodsAndPathsAreRefusedAsEverywhere(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/", "/dev/page.js", "/dev/base.css", "/dev/state", "/dev/message", "/dev/session"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PURGE"} {
			if a := s.ask(method, path, "", headers()); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s gets %d with Allow %q", method, path, a.status, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/dev/phones", "/dev/close", "/dev/send", "/dev/lose", "/dev/skip"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PURGE"} {
			if a := s.ask(method, path, "", headers()); a.status != 405 || a.header.Get("Allow") != "POST" {
				t.Errorf("%s %s gets %d with Allow %q", method, path, a.status, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/dev", "/dev/", "/dev//", "/dev/other", "/dev/page.html", "/dev/../", "//", "/index.html", "/dev/state/",
		"/dev/%73tate", "/dev/..%2fpage.html"} {
		for _, method := range []string{"GET", "POST"} {
			if a := s.ask(method, path, "", headers()); a.status != 404 {
				t.Errorf("%s %s gets %d, want 404", method, path, a.status)
			}
		}
	}
}

// The range is that of https://nationalnanpa.com: 555-0100 to 555-0199 belong to nobody.
func TestMadeUpNumbersAreFictionAndEachPhonesOwn(t *testing.T) {
	s := newService(t)
	fiction := regexp.MustCompile(`^\+120255501\d\d$`)
	seen := map[string]bool{from: true}
	for range 19 {
		var h handset
		if status := s.post("/dev/phones", `{}`, &h); status != 200 {
			t.Fatalf("a phone gets %d", status)
		}
		if !fiction.MatchString(h.From) || seen[h.From] {
			t.Errorf("a phone has the number %s", h.From)
		}
		seen[h.From] = true
	}
	if status := s.post("/dev/phones", `{}`, nil); status != 409 {
		t.Errorf("the 21st phone gets %d, want 409", status)
	}
	if status := s.post("/dev/close", `{"phone":"1"}`, nil); status != 200 {
		t.Errorf("closing a phone gets %d", status)
	}
	var h handset
	if status := s.post("/dev/phones", `{"from":" whatsapp:+15551234567 "}`, &h); status != 200 || h.From != "whatsapp:+15551234567" {
		t.Errorf("a phone with a number that was typed gets %d, %s", status, h.From)
	}
	if n := len(s.phones()); n != 20 {
		t.Errorf("there are %d phones", n)
	}
}

func TestAPhonesPastIsBounded(t *testing.T) {
	s := newService(t)
	s.post("/dev/send", hello, nil)
	for range 200 {
		if status := s.post("/dev/lose", `{"phone":"1"}`, nil); status != 200 {
			t.Fatalf("losing the cookie gets %d", status)
		}
	}
	h := s.phones()[0]
	if len(h.Entries) != 200 || h.Last != 201 || h.Entries[0].ID != 2 || h.Entries[199].ID != 201 {
		t.Errorf("of %d entries %d are kept, from %d", h.Last, len(h.Entries), h.Entries[0].ID)
	}
	if status := s.get("/dev/message?phone=1&entry=1", nil); status != 404 {
		t.Errorf("what is no longer kept gets %d", status)
	}
	if status := s.post("/dev/send", `{"phone":"1","kind":"again"}`, nil); status != 409 {
		t.Errorf("a message that is no longer kept is sent again: %d", status)
	}
}

func TestThePageSaysHowLongASessionMayBeIdle(t *testing.T) {
	for idle, want := range map[time.Duration]string{
		4 * time.Hour: "4h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 10 * time.Second: "10s", 100 * time.Second: "1m40s",
	} {
		s := newService(t, func(o *devphone.Options) { o.IdleTimeout = idle })
		if page := s.ask("GET", "/", "", headers()).body; !strings.Contains(page, "for "+want+" has ended") {
			t.Errorf("of %s it does not say %s", idle, want)
		}
	}
}

// Twilio passes no message on from WhatsApp to a number that is not WhatsApp's.
func TestAPhoneOnWhatsAppTextsWhatsApp(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		var h handset
		if status := s.post("/dev/phones", `{"from":"whatsapp:+15551234567"}`, &h); status != 200 {
			t.Fatalf("the phone gets %d", status)
		}
		first := s.press(h.ID, "text", "hi")
		if got := first[0].reply(); got != "Hello, thanks for the new message." || len(first[0].Outcome.Findings) != 0 {
			t.Errorf("the reply is %q, the findings %+v", got, first[0].Outcome.Findings)
		}
		if v := s.session(h.ID); v.Record == nil || !strings.Contains(v.Record.Raw, `"to":"whatsapp:+15005550006"`) {
			t.Errorf("the record is %+v", v.Record)
		}
		s.press(h.ID, "skip", "")
		if v := s.session(h.ID); v.Record != nil {
			t.Errorf("after four hours there is still %+v", v.Record)
		}
	})
}
