package replica_test

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/logging"
	"smsession/internal/redistest"
	"smsession/internal/replica"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// options are those of a replica on free ports, whose public URL is the URL of the tests.
func options(t *testing.T, redis string) replica.Options {
	t.Helper()
	cfg := config.Defaults()
	public, err := weburl.Parse(webhooktest.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.WithPublicURL(public)
	cfg.AuthTokens = twilio.Tokens{{Value: webhooktest.AuthToken}}
	if cfg.Redis, err = redisurl.Parse(redis, os.ReadFile); err != nil {
		t.Fatal(err)
	}
	cfg.DrainDelay = 0
	listeners, err := replica.Listen([]string{"127.0.0.1:0"}, []string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	log := logging.New(io.Discard, logging.JSON, cfg.LogLevel)
	t.Cleanup(log.Close)
	return replica.Options{Config: cfg, Version: "v1.2.3", Listeners: listeners, Log: log}
}

func TestRun(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		o := options(t, b.URL)
		ended := make(chan error, 1)
		go func() { ended <- replica.Run(ctx, o) }()
		s, cookie := webhooktest.NewSender(t), ""
		for n := 1; n <= 3; n++ {
			reply, err := s.Send(o.Listeners.URL(), "/sms", webhooktest.NewSID(), cookie)
			if err != nil || reply.Text() != webhooktest.Greeting(n) {
				t.Fatalf("message %d gets %q, %v", n, reply.Text(), err)
			}
			cookie = reply.Cookie
		}
		end()
		if err := webhooktest.Receive(t, "the replica to end", ended); err != nil {
			t.Errorf("the replica ends with %v", err)
		}
	})
}

func TestRunEndsIfRedisRefusesIt(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Password: "right"})
	o := options(t, strings.Replace(server.URL(), "right", "wrong", 1))
	if err := replica.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "refuses us: ") ||
		strings.Contains(err.Error(), "wrong@") {
		t.Errorf("the error is %v", err)
	}
}

func TestListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr, free := taken.Addr().String(), []string{"127.0.0.1:0"}
	for name, row := range map[string]struct {
		public, admin []string
		want          string
	}{
		"a public address that is taken":               {[]string{addr}, free, "bind the public listener (ADDR or PORT): "},
		"a private address that is taken":              {free, []string{addr}, "bind the private listener (ADMIN_ADDR): "},
		"a taken address that a free port may replace": {[]string{addr, "127.0.0.1:0"}, []string{addr, "127.0.0.1:0"}, ""},
		"no private listener":                          {free, []string{""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := replica.Listen(row.public, row.admin)
			if row.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), row.want) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(l.URL(), "http://127.0.0.1:") || strings.HasSuffix(l.URL(), addr) {
				t.Errorf("it listens at %s, %v", l.URL(), err)
			}
		})
	}
}
