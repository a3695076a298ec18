package devphone_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/devphone"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

const (
	from  = "+12025550143"
	to    = "+15005550006"
	token = "b3f1c0de5ca1ab1e0ddba11f00dfaced" // Twilio's auth token

	accountSID = "AC0123456789abcdef0123456789abcdef"
)

// tutorial is what the tutorial says to the nth message.
func tutorial(n int) string {
	if n == 1 {
		return "Hello, thanks for the new message."
	}
	return fmt.Sprintf("Hello, thanks for message number %d", n)
}

// service is a service with the page, as `smsession dev` puts them together.
type service struct {
	tb    testing.TB
	url   string
	edge  http.Handler
	addr  string     // of its Redis
	conn  redis.Conn // to it
	close func()
}

// newService starts one over the embedded Redis.
func newService(tb testing.TB, changes ...func(*devphone.Options)) *service {
	tb.Helper()
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(embedded.Close)
	return newServiceOn(tb, embedded.Addr(), changes...)
}

// newServiceOn starts one over the Redis at an address.
func newServiceOn(tb testing.TB, addr string, changes ...func(*devphone.Options)) *service {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := listening(tb, listener, addr, changes...)
	tb.Cleanup(s.close)
	return s
}

// listening starts one on a listener. The test closes it.
func listening(tb testing.TB, listener net.Listener, addr string, changes ...func(*devphone.Options)) *service {
	tb.Helper()
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{addr}}}).Pool
	s := &service{tb: tb, url: "http://" + listener.Addr().String(), addr: addr, conn: redistest.Conn(tb, addr)}
	o := s.options(pool)
	for _, change := range changes {
		change(&o)
	}
	page, err := devphone.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	s.edge = edge(tb, pool, o.PublicURL).Public(page.Routes)
	srv := httptest.NewUnstartedServer(s.edge)
	srv.Listener.Close()
	srv.Listener = listener
	srv.Start()
	s.close = func() {
		srv.CloseClientConnections()
		srv.Close()
		page.Close()
		pool.Close()
	}
	return s
}

func (s *service) options(pool *redis.Pool) devphone.Options {
	return devphone.Options{
		URL: s.url, PublicURL: s.url, AuthToken: token, AccountSID: accountSID, From: from, To: to,
		Pool: pool, Redis: s.addr, Prefix: "sms:", IdleTimeout: 4 * time.Hour,
		ReadRecord: func(to, from string) string {
			return fmt.Sprintf(`redis-cli -p 6379 get 'sms:session:'"$(redis-cli -p 6379 get 'sms:conversation:%s:%s')"`, to, from)
		},
	}
}

// edge is the service without the page.
func edge(tb testing.TB, pool *redis.Pool, publicURL string) *server.Server {
	tb.Helper()
	tokens := []twilio.Token{{Value: token}}
	log := slog.New(slog.DiscardHandler)
	return server.New(server.Options{
		Sessions: session.New(session.Options{
			Pool: pool, Connections: redispool.Size, Prefix: "sms:", IdleTimeout: 4 * time.Hour, Lifetime: 720 * time.Hour,
			Budget: 10 * time.Second, Responder: conversation.Counter{}, Logger: log,
		}),
		Webhook:     twilio.NewVerifier(publicURL+"/sms", tokens),
		Fallback:    twilio.NewVerifier(publicURL+"/sms/fallback", tokens),
		AccountSIDs: []string{accountSID},
		OptOut:      twilio.OptOutDefault,
		Health:      server.NewHealth(10*time.Second, log),
		Version:     "1.2.3-test",
		Logger:      log,
	})
}

// size is how many keys its Redis has.
func (s *service) size() int {
	s.tb.Helper()
	n, err := redis.Int(s.conn.Do("DBSIZE"))
	if err != nil {
		s.tb.Fatal(err)
	}
	return n
}

// deliver posts a signed message straight to the webhook.
func (s *service) deliver(params [][2]string) {
	s.tb.Helper()
	form := url.Values{}
	for _, p := range params {
		form.Set(p[0], p[1])
	}
	a := s.ask("POST", "/sms", form.Encode(), headers("Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature", sign(s.url+"/sms", params)))
	if a.status != 200 {
		s.tb.Fatalf("a signed message gets %d %s", a.status, a.body)
	}
}

// client does not keep connections, so that none is left when a test ends.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
}
