package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// patience is how long Redis may be away while the replica stays ready.
const patience = 10 * time.Second

var (
	errAway    = errors.New("no answer from Redis")
	errRefused = errors.New("WRONGPASS")
)

func noRefusal(error) bool { return false }

// answers is a ping that Redis answers.
func answers(context.Context) error { return nil }

// watched is a replica in Health.Watch, in a bubble of synctest. The test decides what Redis answers.
type watched struct {
	*replica
	answer atomic.Pointer[error]
	takes  time.Duration // how long a ping takes
	pings  atomic.Int64
	stop   context.CancelFunc
	result chan error // of Watch
}

// watch starts Health.Watch. Redis is away.
func watch(t *testing.T, takes time.Duration) *watched {
	t.Helper()
	w := &watched{replica: newReplica(t, "", withoutRedis), takes: takes, result: make(chan error, 1)}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	w.set(errAway)
	go func() {
		w.result <- w.Health.Watch(ctx, w.ping, func(err error) bool { return errors.Is(err, errRefused) })
	}()
	synctest.Wait()
	return w
}

func (w *watched) set(err error) { w.answer.Store(&err) }

func (w *watched) ping(ctx context.Context) error {
	w.pings.Add(1)
	select {
	case <-time.After(w.takes):
		return *w.answer.Load()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// is fails the test unless both listeners report the state.
func (w *watched) is(t *testing.T, state string) {
	t.Helper()
	want := http.StatusServiceUnavailable
	if state == "ready" {
		want = http.StatusOK
	}
	for name, h := range map[string]http.Handler{"public": w.public, "admin": w.Admin(false)} {
		if a := get(h, "/readyz"); a.Status != want || a.Body != state+"\n" ||
			!strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: /readyz = %d %q, want %d %q", name, a.Status, a.Body, want, state)
		}
		if a := get(h, "/healthz"); a.Status != http.StatusOK {
			t.Errorf("%s: /healthz = %d, want 200 while the process lives", name, a.Status)
		}
	}
}

// end stops Watch, which must not have failed.
func (w *watched) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.result; err != nil {
		t.Errorf("Watch = %v, want nil", err)
	}
}

func TestReadiness(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(t *testing.T, w *watched)
	}{
		{"it is starting until the first contact with Redis, however long that takes", func(t *testing.T, w *watched) {
			w.is(t, "starting")
			pass(time.Hour)
			w.is(t, "starting")
		}},
		{"it is ready within a second after the first contact", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.is(t, "ready")
			pass(time.Hour)
			w.is(t, "ready")
		}},
		{"it stays ready while Redis is away for less than its patience", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.set(errAway)
			pass(patience - time.Millisecond)
			w.is(t, "ready")
			w.set(nil)
			pass(time.Hour)
			w.is(t, "ready")
		}},
		{"it is not ready when Redis has been away for longer", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.set(errAway)
			pass(patience + 3*time.Second)
			w.is(t, "redis")
		}},
		{"it is ready again within two seconds after Redis is back", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.set(errAway)
			pass(time.Hour)
			w.is(t, "redis")
			w.set(nil)
			pass(2 * time.Second)
			w.is(t, "ready")
		}},
		{"it stays draining, whether Redis is there or not", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.Health.Drain()
			for _, answer := range []error{nil, errAway, nil} {
				w.set(answer)
				w.is(t, "draining")
				pass(time.Hour)
				w.is(t, "draining")
			}
		}},
		{"it can drain before it has started", func(t *testing.T, w *watched) {
			w.Health.Drain()
			w.is(t, "draining")
		}},
		{"it is not ready, but still watches, if Redis refuses it after the first contact", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.set(errRefused)
			pass(time.Minute)
			w.is(t, "redis")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, 0)
				row.run(t, w)
				w.end(t)
			})
		})
	}
}

func TestWatch(t *testing.T) {
	t.Run("a refusal at the first contact ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := watch(t, 0)
			pass(time.Minute)
			w.set(errRefused)
			if err := <-w.result; !errors.Is(err, errRefused) {
				t.Errorf("Watch = %v, want the refusal", err)
			}
			w.is(t, "starting")
			w.stop()
		})
	})
	t.Run("it pings once a second until its context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := watch(t, 0)
			w.set(nil)
			pass(time.Second)
			before := w.pings.Load()
			pass(time.Minute)
			if got := w.pings.Load() - before; got < 55 || got > 65 {
				t.Errorf("%d pings in a minute, want about 60", got)
			}
			w.end(t)
			before = w.pings.Load()
			pass(time.Minute)
			if got := w.pings.Load() - before; got != 0 {
				t.Errorf("%d pings after the end", got)
			}
		})
	})
	for state, takes := range map[string]time.Duration{"ready": patience - time.Second,
		"starting": patience + time.Second} {
		t.Run("after a ping that took "+takes.String()+", the service is "+state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, takes)
				w.set(nil)
				pass(time.Minute)
				w.is(t, state)
				w.end(t)
			})
		})
	}
	t.Run("an outage has a line when it begins, when the replica is no longer ready, and at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := watch(t, 0)
			pass(time.Minute)
			for range 2 {
				w.set(nil)
				pass(time.Minute)
				w.set(errors.New("EOF"))
				pass(2 * time.Second)
				w.set(errAway)
				pass(time.Minute)
			}
			w.set(nil)
			pass(time.Second)
			w.set(errAway)
			pass(patience / 2)
			w.end(t)
			away, back := w.log.lines(t, "Redis cannot be used, waiting for it"), w.log.lines(t, "Redis can be used")
			if len(away) != 7 || len(back) != 3 {
				t.Fatalf("three long outages and a short one have %d lines, and their three ends have %d", len(away), len(back))
			}
			for i, line := range away {
				want := errAway.Error()
				if i == 2 || i == 4 {
					want = "EOF"
				}
				if line["level"] != "WARN" || line["error"] != want {
					t.Errorf("line %d is %v, want %s", i, line, want)
				}
			}
		})
	})
}

func TestHealthz(t *testing.T) {
	r := newReplica(t, nobody)
	for name, h := range map[string]http.Handler{"public": r.public, "admin": r.Admin(true)} {
		t.Run("it contains the version on the "+name+" listener", func(t *testing.T) {
			if a := get(h, "/healthz"); a.Status != http.StatusOK || !strings.Contains(a.Body, "1.2.3-test") {
				t.Errorf("GET /healthz = %d %q, want 200 and the version", a.Status, a.Body)
			}
		})
	}
	// A recorder would keep the body of an answer to HEAD, so this needs a connection.
	t.Run("HEAD has the length of GET", func(t *testing.T) {
		srv := httptest.NewServer(r.public)
		defer srv.Close()
		for target, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
			res, err := srv.Client().Head(srv.URL + target)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want || res.ContentLength <= 0 {
				t.Errorf("HEAD %s = %d with %d bytes, want %d and a length", target, res.StatusCode, res.ContentLength,
					want)
			}
		}
	})
}

func TestConnectionHeader(t *testing.T) {
	r := newReplica(t, nobody, withBudget(20*time.Millisecond))
	requests := map[string]func() reply{
		"a message":                  func() reply { return message("hello").send(r.public) },
		"a message at the fallback":  func() reply { return message("hello").to("/sms/fallback").send(r.public) },
		"HELP":                       func() reply { return message("HELP").send(r.public) },
		"an unsigned request":        func() reply { return message("hello").signed(noSignature).send(r.public) },
		"a path that does not exist": func() reply { return get(r.public, "/x") },
		"another method":             func() reply { return get(r.public, "/sms") },
		"health":                     func() reply { return get(r.public, "/healthz") },
		"readiness":                  func() reply { return get(r.public, "/readyz") },
		"health on the admin":        func() reply { return get(r.Admin(true), "/healthz") },
		"another path on the admin":  func() reply { return get(r.Admin(true), "/x") },
		"the profiler":               func() reply { return get(r.Admin(true), "/debug/pprof/symbol") },
		"the metrics":                func() reply { return get(r.Admin(true), "/metrics") },
	}
	for _, want := range []string{"", "close"} {
		if want != "" {
			r.Health.Drain()
		}
		for name, send := range requests {
			t.Run(name+", draining: "+want, func(t *testing.T) {
				if got := send().Header.Get("Connection"); got != want {
					t.Errorf("Connection = %q, want %q", got, want)
				}
			})
		}
	}
}
