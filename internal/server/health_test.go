package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/server"
)

// patience is how long Redis may be away.
const patience = 10 * time.Second

var errAway = errors.New("nobody answers")

// watched is a server's health with a Redis that is there when the test says so. It is made inside a synctest bubble,
// where a minute takes no time.
type watched struct {
	*replica
	health *server.Health
	away   atomic.Pointer[error]
	pings  atomic.Int64
	err    chan error
	stop   context.CancelFunc
}

func watch(t *testing.T, refused func(error) bool) *watched {
	t.Helper()
	w := &watched{replica: newReplica(t, "", never), err: make(chan error, 1)}
	w.health = w.Health
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	w.set(errAway)
	go func() { w.err <- w.health.Watch(ctx, w.ping, refused) }()
	synctest.Wait()
	return w
}

func (w *watched) set(err error) { w.away.Store(&err) }

func (w *watched) ping(context.Context) error {
	w.pings.Add(1)
	return *w.away.Load()
}

// is fails the test unless both listeners say the word.
func (w *watched) is(t *testing.T, word string) {
	t.Helper()
	want := http.StatusServiceUnavailable
	if word == "ready" {
		want = http.StatusOK
	}
	for name, h := range map[string]http.Handler{"public": w.public, "admin": w.Admin(false)} {
		if a := get(h, "/readyz"); a.status != want || a.body != word+"\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: /readyz = %d %q, want %d %q", name, a.status, a.body, want, word)
		}
		if a := get(h, "/healthz"); a.status != http.StatusOK {
			t.Errorf("%s: /healthz = %d, want 200 while the process lives", name, a.status)
		}
	}
}

// end returns what Watch returned.
func (w *watched) end(t *testing.T) error {
	t.Helper()
	defer w.stop()
	select {
	case err := <-w.err:
		return err
	case <-time.After(time.Minute):
		t.Error("Watch has not come to its end")
		return nil
	}
}

func noRefusal(error) bool { return false }

// answers is a ping that Redis answers.
func answers(context.Context) error { return nil }

// pass lets time go by, and then everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestReadiness(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(t *testing.T, w *watched)
	}{
		{"it is starting before the first contact with Redis, however long", func(t *testing.T, w *watched) {
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
		{"it is not ready once Redis has been away for longer", func(t *testing.T, w *watched) {
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
		{"it is draining for good, whatever Redis does", func(t *testing.T, w *watched) {
			w.set(nil)
			pass(time.Second)
			w.health.Drain()
			w.is(t, "draining")
			w.set(errAway)
			pass(time.Hour)
			w.is(t, "draining")
			w.set(nil)
			pass(time.Hour)
			w.is(t, "draining")
		}},
		{"it may drain before it has started", func(t *testing.T, w *watched) {
			w.health.Drain()
			w.is(t, "draining")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, noRefusal)
				row.run(t, w)
				w.stop()
				if err := w.end(t); err != nil {
					t.Errorf("Watch = %v after its context has ended, want nil", err)
				}
			})
		})
	}
}

func TestARefusalAtTheFirstContactEndsTheWatch(t *testing.T) {
	wrong := errors.New("WRONGPASS")
	refused := func(err error) bool { return errors.Is(err, wrong) }
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, refused)
		pass(time.Minute)
		w.set(wrong) // it comes up, and refuses us
		pass(time.Second)
		if err := w.end(t); !errors.Is(err, wrong) {
			t.Errorf("Watch = %v, want the refusal", err)
		}
		w.is(t, "starting")
	})
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, refused)
		w.set(nil)
		pass(time.Second)
		w.set(wrong) // somebody changes the password: it may be changed back
		pass(time.Minute)
		w.is(t, "redis")
		w.stop()
		if err := w.end(t); err != nil {
			t.Errorf("Watch = %v, want nil", err)
		}
	})
}

func TestRedisIsAskedAboutOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, noRefusal)
		w.set(nil)
		pass(time.Second)
		before := w.pings.Load()
		pass(time.Minute)
		if got := w.pings.Load() - before; got < 55 || got > 65 {
			t.Errorf("%d pings in a minute, want some 60", got)
		}
		w.stop()
		w.end(t)
		before = w.pings.Load()
		pass(time.Minute)
		if got := w.pings.Load() - before; got != 0 {
			t.Errorf("%d pings after the end", got)
		}
	})
}

func TestAPingMayTakeAsLongAsAMessage(t *testing.T) {
	for _, row := range []struct {
		name string
		took time.Duration
		word string
	}{
		{"a slow ping counts, as a slow message does", patience - time.Second, "ready"},
		{"a ping that takes longer than that is given up", patience + time.Second, "starting"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &watched{replica: newReplica(t, "", never), err: make(chan error, 1)}
				ctx, stop := context.WithCancel(t.Context())
				w.stop = stop
				go func() {
					w.err <- w.Health.Watch(ctx, func(ctx context.Context) error {
						select {
						case <-time.After(row.took):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}, noRefusal)
				}()
				pass(time.Minute)
				w.is(t, row.word)
				w.stop()
				if err := w.end(t); err != nil {
					t.Errorf("Watch = %v, want nil", err)
				}
			})
		})
	}
}

func TestAnOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, noRefusal)
		pass(time.Minute)
		for range 2 {
			w.set(nil)
			pass(time.Minute)
			w.set(errAway)
			pass(time.Minute)
		}
		w.stop()
		w.end(t)
		away, back := w.log.lines(t, "Redis cannot be used, waiting for it"), w.log.lines(t, "Redis can be used")
		if len(away) != 3 || len(back) != 2 {
			t.Errorf("three outages made %d lines, their two ends %d", len(away), len(back))
		}
		for _, line := range away {
			if line["level"] != "WARN" {
				t.Errorf("the line is %v", line)
			}
		}
	})
}

func TestHealthSaysTheVersion(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	for name, h := range map[string]http.Handler{"public": r.public, "admin": r.Admin(true)} {
		if a := get(h, "/healthz"); a.status != http.StatusOK || !strings.Contains(a.body, "1.2.3-test") {
			t.Errorf("%s: GET /healthz = %d %q, want 200 and the version", name, a.status, a.body)
		}
	}
}

// Over a socket: a recorder would keep the body of an answer to HEAD.
func TestHealthAnswersHead(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	srv := httptest.NewServer(r.public)
	defer srv.Close()
	client := srv.Client()
	for target, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		res, err := client.Head(srv.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || res.ContentLength <= 0 {
			t.Errorf("HEAD %s = %d with %d bytes, want %d and GET's length", target, res.StatusCode, res.ContentLength, want)
		}
	}
}

func TestEveryAnswerClosesItsConnectionWhileDraining(t *testing.T) {
	health := server.NewHealth(patience, slog.New(slog.DiscardHandler))
	r := newReplica(t, "127.0.0.1:1", withBudget(20*time.Millisecond), func(s *settings) { s.server.Health = health })
	unsigned := message("hello")
	unsigned.signature = "none"
	requests := map[string]func() answer{
		"a message":            func() answer { return message("hello").send(r.public) },
		"the fallback":         func() answer { return message("hello").to("/sms/fallback").send(r.public) },
		"HELP":                 func() answer { return message("HELP").send(r.public) },
		"an unsigned request":  func() answer { return unsigned.send(r.public) },
		"a path that is not":   func() answer { return get(r.public, "/x") },
		"another method":       func() answer { return get(r.public, "/sms") },
		"health":               func() answer { return get(r.public, "/healthz") },
		"readiness":            func() answer { return get(r.public, "/readyz") },
		"the operator's":       func() answer { return get(r.Admin(true), "/healthz") },
		"the operator's other": func() answer { return get(r.Admin(true), "/x") },
		"the profiler's":       func() answer { return get(r.Admin(true), "/debug/pprof/symbol") },
	}
	for name, send := range requests {
		if got := send().header.Get("Connection"); got != "" {
			t.Errorf("%s: Connection = %q before the drain", name, got)
		}
	}
	health.Drain()
	for name, send := range requests {
		if got := send().header.Get("Connection"); got != "close" {
			t.Errorf("%s: Connection = %q while draining, want close", name, got)
		}
	}
}
