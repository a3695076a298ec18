package phone_test

import (
	"log/slog"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// newService is smsession's own webhook, over an embedded Redis.
func newService(t *testing.T) string {
	t.Helper()
	redis, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{redis.Addr()}}}).Pool
	t.Cleanup(func() { pool.Close() })
	tokens := []twilio.Token{{Value: token}}
	log := slog.New(slog.DiscardHandler)
	s := httptest.NewServer(server.New(server.Options{
		Sessions: session.New(session.Options{
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
		Webhook:  twilio.NewVerifier("https://sms.example.com/sms", tokens),
		Fallback: twilio.NewVerifier("https://sms.example.com/sms/fallback", tokens),
		OptOut:   twilio.OptOutDefault,
		Health:   server.NewHealth(10*time.Second, log),
		Logger:   log,
	}).Public())
	t.Cleanup(s.Close)
	return s.URL
}

// The texts are the tutorial's.
func TestTheServiceHoldsAConversationWithAPhone(t *testing.T) {
	service := newService(t)
	p := newPhone(t, at(service), withFallback(service), withJar(cookies.Options{Strict: true}))
	say := func(m phone.Message, want phone.CookieChange, reply ...string) *phone.Delivery {
		t.Helper()
		d := deliver(t, p, m)
		if len(d.Findings) > 0 || !slices.Equal(texts(d), reply) || d.Cookie != want {
			t.Errorf("%q: replies %q, cookie %s, findings %+v", m.Body, texts(d), d.Cookie, d.Findings)
		}
		return d
	}
	say(phone.Message{Body: "hi"}, phone.CookieNew, "Hello, thanks for the new message.")
	second := say(phone.Message{Body: "hi again"}, phone.CookieKept, "Hello, thanks for message number 2")
	say(second.Message, phone.CookieKept, "Hello, thanks for message number 2")
	say(phone.Message{Body: "without its cookie", Cookieless: true}, phone.CookieKept, "Hello, thanks for message number 3")
	p.LoseCookies()
	say(phone.Message{Body: "and without any"}, phone.CookieNew, "Hello, thanks for message number 4")
	say(phone.Message{Body: "STOP"}, phone.CookieKept)
	say(phone.Message{Body: "hi"}, phone.CookieKept, "Hello, thanks for the new message.")
}

func TestTheServiceCountsABurstOnce(t *testing.T) {
	p := newPhone(t, at(newService(t)))
	var mu sync.Mutex
	var got []string
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			d := p.Send(t.Context(), phone.Message{Body: "hi"})
			mu.Lock()
			defer mu.Unlock()
			got = append(got, texts(d)...)
		})
	}
	group.Wait()
	want := []string{"Hello, thanks for the new message."}
	for n := 2; n <= 5; n++ {
		want = append(want, "Hello, thanks for message number "+strconv.Itoa(n))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("replies %q, want each number once", got)
	}
}

func TestTheServiceRefusesAForgedMessage(t *testing.T) {
	service := newService(t)
	d := deliver(t, newPhone(t, at(service), withFallback(service)), phone.Message{Body: "hi", Forged: true})
	if got := errorsOf(d); !slices.Equal(got, []int{11217, 11217}) || len(d.Replies) > 0 {
		t.Errorf("errors %v, replies %q", got, texts(d))
	}
	for _, e := range d.Exchanges {
		if e.Status != 403 {
			t.Errorf("%s answered %d", e.URL, e.Status)
		}
	}
}
