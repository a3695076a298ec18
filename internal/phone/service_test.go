package phone_test

import (
	"log/slog"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// sharedSCS is shared by all Managers, because each call of scs.New starts a goroutine that never ends.
var sharedSCS = scs.New()

// newService returns the URL of smsession's own webhook with an embedded Redis.
func newService(t *testing.T) string {
	t.Helper()
	redis, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	pool := redispool.Open(redispool.Options{
		URL: redisurl.URL{Addrs: []string{redis.Addr()}}, Timeout: time.Minute,
	}).Pool
	t.Cleanup(func() { pool.Close() })
	tokens := []twilio.Token{{Value: token}}
	log := slog.New(slog.DiscardHandler)
	s := httptest.NewServer(server.New(server.Options{
		Sessions: session.New(session.Options{
			SCS:          sharedSCS,
			Pool:         pool,
			Connections:  redispool.Size,
			Prefix:       "sms:",
			IdleTimeout:  4 * time.Hour,
			Lifetime:     720 * time.Hour,
			Budget:       10 * time.Second,
			SecureCookie: true,
			Responder:    conversation.Counter{},
			Logger:       log,
		}),
		Webhook:  twilio.NewVerifier(weburl.Split("https://sms.example.com/sms"), tokens),
		Fallback: twilio.NewVerifier(weburl.Split("https://sms.example.com/sms/fallback"), tokens),
		OptOut:   twilio.OptOutDefault,
		Health:   server.NewHealth(10*time.Second, log),
		Logger:   log,
	}).Public())
	t.Cleanup(s.Close)
	return s.URL
}

func TestConversation(t *testing.T) {
	service := newService(t)
	p := newPhone(t, at(service), withFallback(service), withJar(cookies.Options{Strict: true}))
	greeting := func(n int) []string { return []string{webhooktest.Greeting(n)} }
	var last phone.Message
	for _, row := range []struct {
		name    string
		message func() phone.Message
		cookie  phone.CookieChange
		replies []string
	}{
		{"the first message begins a session", say("hi"), phone.CookieNew, greeting(1)},
		{"the second message is counted", say("hi again"), phone.CookieKept, greeting(2)},
		{"a message that comes again gets the same reply", func() phone.Message { return last }, phone.CookieKept, greeting(2)},
		{"a message without its cookie is counted", func() phone.Message { return phone.Message{Body: "hi", Cookieless: true} }, phone.CookieKept, greeting(3)},
		{"a message without any cookie is counted", func() phone.Message { p.LoseCookies(); return say("hi")() }, phone.CookieNew, greeting(4)},
		{"STOP has only Twilio's reply", say("STOP"), phone.CookieKept, []string{unsubscribed}},
		{"START has only Twilio's reply", say("START"), phone.CookieKept, []string{resubscribed}},
		{"a message after STOP and START begins again", say("hi"), phone.CookieKept, greeting(1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := p.Send(t.Context(), row.message())
			if len(d.Findings) > 0 || !slices.Equal(texts(d), row.replies) || d.Cookie != row.cookie {
				t.Errorf("the replies are %q, the cookie is %s, the findings are %+v", texts(d), d.Cookie, d.Findings)
			}
			last = d.Message
		})
	}
}

// say returns a function that returns a message.
func say(body string) func() phone.Message {
	return func() phone.Message { return phone.Message{Body: body} }
}

func TestBurst(t *testing.T) {
	p := newPhone(t, at(newService(t)))
	replies := make(chan []string)
	var want, got []string
	for n := range 5 {
		want = append(want, webhooktest.Greeting(n+1))
		go func() { replies <- texts(send(t, p, "hi")) }()
	}
	for range 5 {
		got = append(got, <-replies...)
	}
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("the replies are %q, want each number once", got)
	}
}

func TestForgedMessage(t *testing.T) {
	service := newService(t)
	d := newPhone(t, at(service), withFallback(service)).Send(t.Context(), phone.Message{Body: "hi", Forged: true})
	if got := errorsOf(d); !slices.Equal(got, []int{11217, 11217}) || len(d.Replies) > 0 {
		t.Errorf("the errors are %v, the replies %q", got, texts(d))
	}
	for _, e := range d.Exchanges {
		if e.Status != 403 {
			t.Errorf("%s answers %d", e.URL, e.Status)
		}
	}
}
