package devphone_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/devphone"
	"smsession/internal/logging"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/replica"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// ownApp is a team's own app that can be stopped and started again.
type ownApp struct {
	tb      testing.TB
	addr    string
	handler http.HandlerFunc
	server  *http.Server
}

// startApp starts an app at a free port. The app ends with the test.
func startApp(tb testing.TB, handler http.HandlerFunc) *ownApp {
	tb.Helper()
	a := &ownApp{tb: tb, addr: fmt.Sprint("127.0.0.1:", redistest.ReservePort(tb)), handler: handler}
	a.start()
	tb.Cleanup(a.stop)
	return a
}

func (a *ownApp) start() {
	a.tb.Helper()
	listener, err := net.Listen("tcp", a.addr)
	if err != nil {
		a.tb.Fatal(err)
	}
	a.server = &http.Server{Handler: a.handler}
	go a.server.Serve(listener)
}

func (a *ownApp) stop() { a.server.Close() }

func (a *ownApp) url() string { return "http://" + a.addr + "/sms" }

// newAppService starts a service with the page in front of an app, as `smsession dev --app` does.
func newAppService(tb testing.TB, a *ownApp, changes ...func(*config.App)) *service {
	tb.Helper()
	embedded, err := redispool.StartEmbedded(preferring("127.0.0.1:6379")...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(embedded.Close)
	listeners, err := replica.Listen(preferring("127.0.0.1:8080"), []string{""})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := config.DevDefaults()
	cfg.AuthTokens = twilio.Tokens{{Value: webhooktest.AuthToken}}
	cfg.AccountSIDs = []string{webhooktest.AccountSID}
	cfg.Redis = redisurl.URL{Addrs: []string{embedded.Addr()}}
	cfg.App.URL, cfg.App.PublicURL = weburl.Split(a.url()), weburl.Split(a.url())
	for _, change := range changes {
		change(&cfg.App)
	}
	cfg = cfg.WithPublicURL(weburl.Split(listeners.URL()))

	pool := redispool.Open(redispool.Options{URL: cfg.Redis}).Pool
	tb.Cleanup(func() { pool.Close() })
	s := &service{tb: tb, url: listeners.URL(), addr: embedded.Addr(), conn: redistest.Conn(tb, embedded.Addr())}
	o := s.options(pool)
	o.App = cfg.App.URL
	if s.page, err = devphone.New(o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.page.Close)
	s.run(replica.Options{
		Config: cfg, Version: "1.2.3-test", Listeners: listeners, Log: logging.New(io.Discard, logging.Text, 0),
		Routes: []func(chi.Router){s.page.Routes}, Wrap: s.page.Observe, ObserveCall: s.page.ObserveCall,
	})
	return s
}

// run runs a replica until the test ends.
func (s *service) run(o replica.Options) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- replica.Run(ctx, o) }()
	s.tb.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				s.tb.Errorf("the service ends with %v", err)
			}
		case <-time.After(limit):
			s.tb.Error("the service does not end")
		}
		o.Log.Close()
	})
	webhooktest.Wait(s.tb, "the service to be ready", func() bool {
		return s.request("GET", "/readyz", "", headers()).status == http.StatusOK
	})
}
