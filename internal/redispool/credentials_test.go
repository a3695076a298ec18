package redispool_test

import (
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// renewed are credentials that a pool replaces with new ones when it finds that they are outdated.
type renewed struct {
	present  atomic.Pointer[redisurl.URL]
	next     redisurl.URL
	outdated atomic.Int64
}

// openRenewed returns a pool that starts with the first credentials and gets the next ones when they are outdated.
func openRenewed(t *testing.T, o redispool.Options, first, next redisurl.URL) (*redis.Pool, *renewed) {
	t.Helper()
	r := &renewed{next: next}
	r.present.Store(&first)
	o.Current = func() redisurl.URL { return *r.present.Load() }
	o.Outdated = func() { r.outdated.Add(1); r.present.Store(&r.next) }
	return open(t, o), r
}

func TestOutdatedCredentialsAreReplaced(t *testing.T) {
	locked := redistest.Start(t, redistest.Options{Password: "secret"})
	encrypted := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	stranger := redistest.Start(t, redistest.Options{TLS: true})
	sentinels := redistest.StartSentinels(t, 1, 1, redistest.Options{Password: "secret"})
	cluster := redistest.StartCluster(t, 2, false, redistest.Options{Password: "secret"})
	right := redisurl.URL{Redis: redisurl.Login{Password: "secret"}}
	for _, row := range []struct {
		name        string
		options     redispool.Options
		first, next redisurl.URL
	}{
		{"a wrong password", redispool.Options{URL: redisurl.URL{Addrs: []string{locked.Addr()}}}, redisurl.URL{Redis: redisurl.Login{Password: "wrong"}}, right},
		{"a missing password", redispool.Options{URL: redisurl.URL{Addrs: []string{locked.Addr()}}}, redisurl.URL{}, right},
		{"an unknown user", redispool.Options{URL: redisurl.URL{Addrs: []string{locked.Addr()}}}, redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}, right},
		{"an authority that did not sign the server's certificate", redispool.Options{URL: redisurl.URL{Addrs: []string{encrypted.Addr()}}},
			redisurl.URL{Redis: redisurl.Login{TLS: stranger.ClientTLS()}}, redisurl.URL{Redis: redisurl.Login{TLS: encrypted.ClientTLS()}}},
		{"a missing client certificate", redispool.Options{URL: redisurl.URL{Addrs: []string{encrypted.Addr()}}},
			redisurl.URL{Redis: redisurl.Login{TLS: trusting(t, encrypted)}}, redisurl.URL{Redis: redisurl.Login{TLS: encrypted.ClientTLS()}}},
		{"a wrong password for the Sentinels", throughSentinels(sentinels),
			redisurl.URL{Redis: redisurl.Login{Password: "secret"}, Sentinels: redisurl.Login{Password: "wrong"}}, redisurl.URL{Redis: redisurl.Login{Password: "secret"}, Sentinels: redisurl.Login{Password: "secret"}}},
		{"a missing password for the Sentinels", throughSentinels(sentinels),
			redisurl.URL{Redis: redisurl.Login{Password: "secret"}}, redisurl.URL{Redis: redisurl.Login{Password: "secret"}, Sentinels: redisurl.Login{Password: "secret"}}},
		{"a wrong password for a Cluster", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}}, redisurl.URL{Redis: redisurl.Login{Password: "wrong"}}, right},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, r := openRenewed(t, row.options, row.first, row.next)
			eventually(t, func() error { return redispool.Ping(t.Context(), p) })
			if n := r.outdated.Load(); n == 0 {
				t.Error("they were not outdated: the test has tested nothing")
			}
		})
	}
}

func TestOtherFailuresDoNotMakeCredentialsOutdated(t *testing.T) {
	away := redistest.Start(t, redistest.Options{})
	away.Kill()
	mute := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "-@all"}})
	app := redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}
	for name, o := range map[string]redispool.Options{"Redis is away": {URL: redisurl.URL{Addrs: []string{away.Addr()}}}, "the user may do nothing": {URL: redisurl.URL{Addrs: []string{mute.Addr()}}}} {
		t.Run(name, func(t *testing.T) {
			p, r := openRenewed(t, o, app, app)
			if err := redispool.Ping(t.Context(), p); err == nil || r.outdated.Load() != 0 {
				t.Errorf("Ping: %v, and the credentials were outdated %d times, want 0", err, r.outdated.Load())
			}
		})
	}
}

func TestOpenConnectionsOutliveTheirPassword(t *testing.T) {
	s := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">old", "~*", "+@all"}})
	p, r := openRenewed(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}}},
		redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "old"}}, redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "new"}})
	before := clientID(t, p)
	s.CLI("ACL", "SETUSER", "app", ">new", "<old")
	if clientID(t, p) != before || r.outdated.Load() != 0 {
		t.Error("a connection that works was given up")
	}
}
