package redispool_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// topology is a kind of Redis whose servers have the password "secret".
type topology struct {
	url       redisurl.URL
	primaries []*redistest.Server
}

// eachTopology runs a test on each topology.
func eachTopology(t *testing.T, run func(t *testing.T, top topology)) {
	t.Helper()
	secret := redistest.Options{Password: "secret"}
	for name, start := range map[string]func(t *testing.T) topology{
		"a single server": func(t *testing.T) topology {
			s := redistest.Start(t, secret)
			return topology{at(s.Addr()), []*redistest.Server{s}}
		},
		"a primary behind Sentinels": func(t *testing.T) topology {
			s := redistest.StartSentinels(t, 1, 1, secret)
			u := behindSentinels(s.Addrs()...)
			u.Sentinels = password("secret")
			return topology{u, []*redistest.Server{s.Primary}}
		},
		"a Cluster": func(t *testing.T) topology {
			c := redistest.StartCluster(t, 3, false, secret)
			return topology{inCluster(c.Addrs()[0]), c.Primaries}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := start(t)
			top.url.Redis = password("secret")
			run(t, top)
		})
	}
}

// keys returns a key for each primary.
func (top topology) keys(tb testing.TB) []string {
	tb.Helper()
	p := open(tb, redispool.Options{URL: top.url, Timeout: patient})
	if err := ping(tb.Context(), p); err != nil {
		tb.Fatal(err)
	}
	var keys []string
	for _, tag := range p.HashTags() {
		keys = append(keys, "key{"+tag+"}")
	}
	return keys
}

// connections returns how many connections to clients the primaries list.
func (top topology) connections() (n int) {
	for _, s := range top.primaries {
		clients := s.CLI("-a", "secret", "--no-auth-warning", "CLIENT", "LIST", "TYPE", "NORMAL")
		n += strings.Count(clients, " cmd=") - 1 // redis-cli's own
	}
	return n
}

func TestContract(t *testing.T) {
	t.Parallel()
	eachTopology(t, func(t *testing.T, top topology) {
		keys := top.keys(t)
		if len(keys) != len(top.primaries) {
			t.Fatalf("there are %d hash tags for %d primaries", len(keys), len(top.primaries))
		}
		// This comes first, because other connections to the servers would change their counts.
		t.Run("open connections are counted", func(t *testing.T) {
			countsConnections(t, top, keys)
		})
		p := open(t, redispool.Options{URL: top.url, Timeout: patient})
		t.Run("a command gets its reply", func(t *testing.T) {
			for _, key := range keys {
				if got, err := redis.String(do(p, "EVAL", write, 1, key, "value")); got != "OK" || err != nil {
					t.Errorf("EVAL: %q, %v", got, err)
				}
				if got, err := redis.String(do(p, "GET", []byte(key))); got != "value" || err != nil {
					t.Errorf("GET: %q, %v", got, err)
				}
			}
		})
		t.Run("a command without a key gets its reply", func(t *testing.T) {
			if got, err := do(p, "PING"); got != "PONG" || err != nil {
				t.Errorf("PING: %v, %v", got, err)
			}
		})
		t.Run("replies keep their order if one is an error", func(t *testing.T) {
			repliesKeepOrder(t, p, keys)
		})
		t.Run("each primary is visited once", func(t *testing.T) { visitsEachPrimary(t, p, keys) })
		t.Run("each round trip is observed", func(t *testing.T) { observes(t, top, keys) })
		t.Run("logins are refused or accepted", func(t *testing.T) { refusesLogins(t, top) })
		t.Run("an outdated login is replaced", func(t *testing.T) {
			wrong := top.url
			wrong.Redis = password("wrong")
			replacesLogin(t, wrong, top.url)
		})
		t.Run("a shared connection has a maximum age", func(t *testing.T) {
			o := redispool.Options{URL: top.url, Timeout: patient}
			limitsAge(t, o, 1, func(p *redispool.Pool) pool { return p })
			limitsAge(t, o, 1, func(p *redispool.Pool) pool { return shared{p} })
		})
		t.Run("connections that are not shared have a maximum age", func(t *testing.T) {
			n := 16
			if top.url.Topology == redisurl.Cluster {
				n = 1 // each connection leads to another node
			}
			o := redispool.Options{URL: top.url, Timeout: patient, WaitReplicas: unshared}
			limitsAge(t, o, n, func(p *redispool.Pool) pool { return p })
		})
	})
}

func repliesKeepOrder(t *testing.T, p *redispool.Pool, keys []string) {
	c := p.Get()
	defer c.Close()
	last := keys[len(keys)-1]
	c.Send("SET", last, "last")
	c.Send("LPUSH", keys[0], "x") // the value is a string
	c.Send("GET", last+"-missing")
	c.Flush()
	for i, want := range []any{"OK", "WRONGTYPE", nil} {
		got, err := c.Receive()
		if hasCode(err, "WRONGTYPE") {
			got, err = "WRONGTYPE", nil
		}
		if got != want || err != nil {
			t.Errorf("reply %d is %v, %v, want %v", i+1, got, err, want)
		}
	}
	if got, err := redis.String(c.Do("GET", last)); got != "last" || err != nil {
		t.Errorf("GET after the pipeline: %q, %v", got, err)
	}
	if got, err := c.Receive(); err == nil {
		t.Errorf("without a command, Receive returns %v", got)
	}
}

func visitsEachPrimary(t *testing.T, p *redispool.Pool, keys []string) {
	var found []string
	err := p.EachPrimary(t.Context(), func(_ string, c redis.Conn) error {
		reply, err := redis.Values(c.Do("SCAN", 0, "COUNT", 1000))
		if err != nil {
			return err
		}
		some, err := redis.Strings(reply[1], nil)
		found = append(found, some...)
		return err
	})
	if err != nil || len(found) != len(keys) {
		t.Errorf("the primaries have %q, %v, want %q", found, err, keys)
	}
}

func observes(t *testing.T, top topology, keys []string) {
	var trips atomic.Int64
	p := open(t, redispool.Options{URL: top.url, Timeout: patient, Observe: func(time.Duration) { trips.Add(1) }})
	for range 2 {
		before := trips.Load()
		if _, err := do(p, "GET", keys[0]); err != nil {
			t.Fatal(err)
		}
		if trips.Load() == before {
			t.Error("a command was not observed")
		}
	}
}

func countsConnections(t *testing.T, top topology, keys []string) {
	others := top.connections()
	p := open(t, redispool.Options{URL: top.url, Timeout: patient})
	if n := p.OpenConnections(); n != 0 {
		t.Errorf("a pool that was not used has %d open connections", n)
	}
	for _, key := range keys {
		if _, err := do(p, "GET", key); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.OpenConnections(); n < len(keys) {
		t.Errorf("%d connections are open, want at least one to each of %d primaries", n, len(keys))
	}
	p.Close()
	if n := p.OpenConnections(); n != 0 {
		t.Errorf("%d connections are open after the pool was closed", n)
	}
	eventually(t, func() error {
		if n := top.connections(); n > others {
			return fmt.Errorf("the servers have %d connections more than before", n-others)
		}
		return nil
	})
}

func refusesLogins(t *testing.T, top topology) {
	for _, row := range []struct {
		name    string
		login   redisurl.Login
		refused bool
	}{
		{"the right password is accepted", password("secret"), false},
		{"a wrong password is refused", password("wrong"), true},
		{"a missing password is refused", redisurl.Login{}, true},
		{"an unknown user is refused", redisurl.Login{Username: "app", Password: "secret"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := ping(t.Context(), open(t, redispool.Options{URL: with(top.url, row.login)}))
			if (err != nil) != row.refused || redispool.Refused(err) != row.refused {
				t.Errorf("got %v, which is a refusal: %v, want %v", err, redispool.Refused(err), row.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("the error quotes the password: %v", err)
			}
			if isNetwork(err) {
				t.Errorf("%v is an error of the network", err)
			}
		})
	}
}

// replacesLogin opens a pool that gets the next logins when the first ones are outdated.
func replacesLogin(t *testing.T, first, next redisurl.URL) {
	t.Helper()
	var outdated atomic.Int64
	p := open(t, redispool.Options{
		URL: first,
		Current: func() redisurl.URL {
			if outdated.Load() > 0 {
				return next
			}
			return first
		},
		Outdated: func() { outdated.Add(1) },
	})
	eventually(t, func() error { return ping(t.Context(), p) })
	if outdated.Load() == 0 {
		t.Error("the first login was not outdated: nothing was tested")
	}
}

// limitsAge uses n connections once a minute, so that the idle time-out does not end them. used returns the pool as it
// is used.
func limitsAge(t *testing.T, o redispool.Options, n int, used func(*redispool.Pool) pool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opened := redispool.Open(o)
		defer opened.Close()
		p := used(opened)
		first := ids(t, p, n)
		for minute := 1; minute <= 6; minute++ {
			time.Sleep(time.Minute)
			left := 0
			for id := range ids(t, p, n) {
				if first[id] {
					left++
				}
			}
			switch {
			case minute < 4 && left != n:
				t.Errorf("after %d minutes, %d of %d connections are left", minute, left, n)
			case minute == 5 && n > 1 && (left == 0 || left == n):
				t.Errorf("after 5 minutes, %d of %d connections are left: they do not end one by one", left, n)
			case minute == 6 && left != 0:
				t.Errorf("after 6 minutes, %d of %d connections are left", left, n)
			}
		}
	})
}
