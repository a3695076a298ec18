package devphone_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"smsession/internal/devphone"
	"smsession/internal/webhooktest"
)

// sender returns a sender that sends messages without the page, as curl and `smsession phone` do.
func (s *service) sender(from string) *webhooktest.Sender {
	s.tb.Helper()
	sender := webhooktest.NewSender(s.tb)
	sender.From, sender.PublicURL = from, s.url
	return sender
}

// send sends a form, and checks the status of the answer.
func (s *service) send(sender *webhooktest.Sender, route string, form url.Values, status int) {
	s.tb.Helper()
	reply, err := sender.Do(sender.Request(s.url, route, form, ""))
	if err != nil || reply.Status != status {
		s.tb.Fatalf("the message is answered %d %s, %v", reply.Status, reply.Body, err)
	}
}

// state is the response of /dev/state.
type state struct {
	Run      string
	Revision int64
	Hidden   int
	Phones   []device
}

func (s *service) state(after int64) (v state) {
	s.tb.Helper()
	if status := s.get("/dev/state?after="+strconv.FormatInt(after, 10), &v); status != 200 {
		s.tb.Fatalf("/dev/state is answered %d", status)
	}
	return v
}

func TestMessagesFromElsewhere(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		known, stranger := s.sender(from), s.sender("+12025550177")
		s.say("1", "from the page")
		sid := webhooktest.NewSID()
		s.send(known, "/sms", known.Form(sid, "from a shell"), 200)
		s.send(known, "/sms/fallback", known.Form(sid, "from a shell"), 200)
		picture := stranger.Form(webhooktest.NewSID(), "look")
		picture.Set("NumMedia", "1")
		picture.Set("MediaUrl0", "https://media.example.com/1.png")
		picture.Set("MediaContentType0", "image/png")
		s.send(stranger, "/sms", picture, 200)

		phones := s.phones()
		if len(phones) != 2 || phones[0].Elsewhere || !phones[1].Elsewhere || phones[1].From != stranger.From {
			t.Fatalf("the phones are %+v", phones)
		}
		var got []string
		for _, d := range phones {
			for _, e := range d.Entries {
				got = append(got, e.Kind+": "+e.Message.Body+" -> "+e.reply())
			}
		}
		want := []string{
			"text: from the page -> " + webhooktest.Greeting(1),
			"elsewhere: from a shell -> " + webhooktest.Greeting(2),
			"elsewhere: from a shell -> " + webhooktest.Greeting(2),
			"elsewhere: look -> " + webhooktest.Greeting(1),
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("the messages are %q, want %q", got, want)
		}
		x := s.exchanges("1", phones[0].Entries[2])[0]
		if x.URL != s.url+"/sms/fallback" || x.Signature == "" || x.Status != 200 ||
			!strings.Contains(x.RequestBody, "Body=from+a+shell") ||
			!strings.Contains(x.ResponseBody, webhooktest.Greeting(2)) ||
			x.ResponseHeader["Content-Type"] == nil {
			t.Errorf("the exchange at the fallback URL is %+v", x)
		}
	})
}

func TestWhatIsNotShown(t *testing.T) {
	s := newService(t)
	stranger := s.sender("+12025550177")
	form := stranger.Form(webhooktest.NewSID(), "hello")
	receipt := stranger.Form(webhooktest.NewSID(), "")
	receipt.Set("MessageStatus", "delivered")
	s.send(stranger, "/sms", receipt, 200)
	stranger.AuthToken = "another token"
	s.send(stranger, "/sms", form, 403)
	if v := s.state(0); len(v.Phones) != 1 || v.Phones[0].Last != 0 || v.Hidden != 0 {
		t.Errorf("the page shows %+v", v)
	}
}

// The page's own messages must not be shown twice. A large answer is sent before the handler of the service returns, so
// the delivery may have ended by then.
func TestOwnMessagesAreShownOnce(t *testing.T) {
	large := "<Response><Message>hi</Message><!--" + strings.Repeat("x", 60_000) + "--></Response>"
	s := newAppService(t, startApp(t, answer("text/xml", large)))
	for _, kind := range []string{"text", "again", "burst", "mms", "forge", "stop"} {
		s.press("1", kind, "hello")
	}
	d := s.phones()[0]
	for _, e := range d.Entries {
		if e.Kind == "elsewhere" {
			t.Errorf("a message of the page is shown again: %+v", e)
		}
	}
	if len(d.Entries) != 10 {
		t.Errorf("the page shows %d messages, want 10", len(d.Entries))
	}
}

func TestPhonesFromElsewhere(t *testing.T) {
	s := newService(t)
	var last *webhooktest.Sender
	for range 33 {
		last = s.sender(webhooktest.NewNumber())
		s.send(last, "/sms", last.Form(webhooktest.NewSID(), "hello"), 200)
	}
	if v := s.state(0); len(v.Phones) != 31 || v.Hidden != 3 {
		t.Errorf("the page has %d phones and hides %d messages", len(v.Phones), v.Hidden)
	}
	var d device
	if status := s.post("/dev/open", `{}`, &d); status != 200 || d.Elsewhere {
		t.Errorf("a phone of the person is answered %d, %+v", status, d)
	}
	if status := s.post("/dev/close", `{"phone":"2"}`, nil); status != 200 {
		t.Errorf("closing a phone is answered %d", status)
	}
	s.send(last, "/sms", last.Form(webhooktest.NewSID(), "hello"), 200)
	if v := s.state(0); len(v.Phones) != 32 || v.Hidden != 0 {
		t.Errorf("after one was closed, the page has %d phones and hides %d messages", len(v.Phones), v.Hidden)
	}
}

func TestStateAfter(t *testing.T) {
	s := newService(t)
	s.say("1", "hello")
	first := s.state(0)
	s.say("1", "hello again")
	next := s.state(first.Revision)
	if next.Run != first.Run || next.Run == "" || next.Revision <= first.Revision || len(next.Phones[0].Entries) != 1 ||
		next.Phones[0].Entries[0].Message.Body != "hello again" || next.Phones[0].Entries[0].reply() == "" {
		t.Errorf("after %d, the state is %+v", first.Revision, next)
	}
	if quiet := s.state(next.Revision); quiet.Revision != next.Revision || len(quiet.Phones[0].Entries) != 0 {
		t.Errorf("without a change, the state is %+v", quiet)
	}
	if status := s.get("/dev/state?after=yesterday", nil); status != 400 {
		t.Errorf("a revision that is no number is answered %d", status)
	}
	if other := newService(t).state(0); other.Run == first.Run {
		t.Error("another run of the service has the same name")
	}
}

// Observe must not change what the service reads, nor what the client gets.
func TestObserveChangesNothing(t *testing.T) {
	s := newService(t)
	large := strings.Repeat("x", 200_000)
	page, err := devphone.New(s.options(nil))
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	r.Post("/sms", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.PostForm.Get("Body") != large {
			t.Errorf("the service reads %d bytes, %v", len(r.PostForm.Get("Body")), err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(large))
	})
	w := httptest.NewRecorder()
	sender := s.sender(from)
	page.Observe(r).ServeHTTP(w, sender.Request(s.url, "/sms", sender.Form(webhooktest.NewSID(), large), ""))
	if w.Code != 200 || w.Body.String() != large || !w.Flushed {
		t.Errorf("the client gets %d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestAnswerBeforeRequest answers a message while its body is being read. Nobody would finish its entry, so the page
// must not show it as a message that is being sent.
func TestAnswerBeforeRequest(t *testing.T) {
	s := newService(t)
	read, done := make(chan struct{}), make(chan struct{})
	h := s.page.Observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		go func() { // as a transport that still sends the request
			defer close(done)
			<-read
			_, _ = io.Copy(io.Discard, r.Body)
		}()
	}))
	sender := s.sender(from)
	h.ServeHTTP(httptest.NewRecorder(), sender.Request(s.url, "/sms", sender.Form(webhooktest.NewSID(), "late"), ""))
	close(read)
	<-done
	if got := s.state(0).Phones[0].Entries; len(got) != 0 {
		t.Errorf("the page shows %+v", got)
	}
}
