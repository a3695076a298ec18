package devphone_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/devphone"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// from is the number of the first phone.
const from = "+12025550143"

// service is a service with the page, as in `smsession dev`.
type service struct {
	tb    testing.TB
	url   string
	edge  http.Handler
	addr  string     // the address of its Redis
	conn  redis.Conn // to that Redis
	page  *devphone.Page
	close func()
}

// newService starts a service with an embedded Redis.
func newService(tb testing.TB, changes ...func(*devphone.Options)) *service {
	tb.Helper()
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(embedded.Close)
	return newServiceOn(tb, embedded.Addr(), changes...)
}

// newServiceOn starts a service with the Redis at an address.
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

// listening starts a service on a listener. The caller must close the service.
func listening(tb testing.TB, listener net.Listener, addr string, changes ...func(*devphone.Options)) *service {
	tb.Helper()
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{addr}}, Timeout: time.Minute}).Pool
	s := &service{tb: tb, url: "http://" + listener.Addr().String(), addr: addr, conn: redistest.Conn(tb, addr)}
	o := s.options(pool)
	for _, change := range changes {
		change(&o)
	}
	page, err := devphone.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	s.page = page
	s.edge = page.Observe(newServer(pool, strings.TrimSuffix(o.Phone.Webhook.URL, "/sms")).Public(page.Routes))
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
		Phone: phone.Options{
			From: from, To: webhooktest.To, AuthToken: webhooktest.AuthToken, AccountSID: webhooktest.AccountSID,
			Webhook: phone.Endpoint{URL: s.url + "/sms"}, Fallback: phone.Endpoint{URL: s.url + "/sms/fallback"},
		},
		Pool: pool, Redis: s.addr, Keys: record.Keys{Prefix: "sms:"}, IdleTimeout: 4 * time.Hour,
		ReadRecord: func(to, from string) string {
			return fmt.Sprintf(`redis-cli -p 6379 get 'sms:session:'"$(redis-cli -p 6379 get 'sms:conversation:%s:%s')"`, to, from)
		},
	}
}

// sharedSCS is shared by all Managers, because each call of scs.New starts a goroutine that never ends.
var sharedSCS = scs.New()

// newServer returns the service without the page.
func newServer(pool *redis.Pool, publicURL string) *server.Server {
	tokens := []twilio.Token{{Value: webhooktest.AuthToken}}
	log := slog.New(slog.DiscardHandler)
	return server.New(server.Options{
		Sessions: session.New(session.Options{
			SCS: sharedSCS, Pool: pool, Connections: redispool.Size, Prefix: "sms:", IdleTimeout: 4 * time.Hour,
			Lifetime: 720 * time.Hour,
			Budget:   10 * time.Second, Responder: conversation.Counter{}, Logger: log,
		}),
		Webhook:     twilio.NewVerifier(weburl.Split(publicURL+"/sms"), tokens),
		Fallback:    twilio.NewVerifier(weburl.Split(publicURL+"/sms/fallback"), tokens),
		AccountSIDs: []string{webhooktest.AccountSID},
		OptOut:      twilio.OptOutDefault,
		Health:      server.NewHealth(10*time.Second, log),
		Version:     "1.2.3-test",
		Logger:      log,
	})
}

// size returns the number of keys in the Redis of the service.
func (s *service) size() int {
	s.tb.Helper()
	n, err := redis.Int(s.conn.Do("DBSIZE"))
	if err != nil {
		s.tb.Fatal(err)
	}
	return n
}

// client does not keep connections open, so that none is left when a test ends.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
}
