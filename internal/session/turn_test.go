package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const turnKey = "sms:turn:+15005550006:+12025550143"

// open returns a pool of a real or embedded Redis.
func open(t *testing.T, addr string) *redis.Pool {
	pool := &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	t.Cleanup(func() { pool.Close() })
	return pool
}

func TestTurns(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		app := &ledger{pause: time.Millisecond}
		takeTurns(t, app, withApp(open(t, b.Addr), app), withApp(open(t, b.Addr), app))
	})
	t.Run("Cluster", func(t *testing.T) {
		app := &ledger{pause: time.Millisecond}
		cluster := redisurl.URL{Topology: redisurl.Cluster,
			Addrs: redistest.StartCluster(t, 3, false, redistest.Options{}).Addrs()}
		var replicas []*Manager
		for range 2 {
			pool := redispool.Open(redispool.Options{URL: cluster})
			t.Cleanup(func() { pool.Close() })
			m := withApp(pool.Pool, app)
			m.options.IsCluster = true
			replicas = append(replicas, m)
		}
		takeTurns(t, app, replicas...)
	})
}

// takeTurns sends the messages of one conversation to several replicas at once. Each message must be one call, and
// there must be one call at a time.
func takeTurns(t *testing.T, app *ledger, replicas ...*Manager) {
	t.Helper()
	const messages = 24
	var outcomes []<-chan *Outcome
	for i := range messages {
		in := incoming(fmt.Sprintf("SM%02d", i), false)
		in.Received = in.Received.Add(time.Minute) // the last message waits for all others
		outcomes = append(outcomes, send(replicas[i%len(replicas)], in, ""))
	}
	for i, done := range outcomes {
		o := webhooktest.Receive(t, "an outcome", done)
		if o.Err != nil || o.Conflicts != 0 || o.Calls.Count != 1 || o.Calls.Took <= 0 || o.TurnWait <= 0 {
			t.Errorf("message %d got %+v", i, o)
		}
	}
	if calls := app.all(); len(calls) != messages || app.most != 1 {
		t.Errorf("%d messages took %d calls, %d of them at once: %q", messages, len(calls), app.most, calls)
	}
}

// A replica without a turn calls the app at the same time as another one.
func TestNaiveNoTurn(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	app := &ledger{begun: make(chan string), answers: make(chan error)}
	always := func(args []any, reply any) any {
		if args[0] == scripts.turn.Hash() {
			return int64(1)
		}
		return reply
	}
	var outcomes []<-chan *Outcome
	for _, sid := range []string{"SMa", "SMb"} {
		outcomes = append(outcomes, send(withApp(trick(open(t, server.Addr()), always), app), incoming(sid, false), ""))
		webhooktest.Receive(t, "a call", app.begun)
	}
	close(app.answers)
	webhooktest.Receive(t, "a call after the conflict", app.begun)
	for _, done := range outcomes {
		webhooktest.Receive(t, "an outcome", done)
	}
	if app.most != 2 || len(app.all()) != 3 {
		t.Errorf("two messages took the calls %q, %d at once", app.all(), app.most)
	}
}

func TestOrderOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, s := &ledger{pause: 100 * time.Millisecond}, newShared()
		m := withApp(s.pool(), app)
		var want []string
		var last <-chan *Outcome
		for i := range 10 {
			last = send(m, incoming(fmt.Sprint("SM", i), false), "")
			want = append(want, fmt.Sprintf("SM%d/1/%d", i, i))
			synctest.Wait()
		}
		began := time.Now()
		<-last
		app.expect(t, want...)
		// After 4 and after 8 turns, the replica pauses for 50 ms.
		if took := time.Since(began); took != 10*app.pause+2*50*time.Millisecond {
			t.Errorf("10 calls of %v took %v", app.pause, took)
		}
	})
}

// A dead replica leaves its turn behind.
func TestTurnOfADeadReplica(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name string
			put  []any
		}{
			{"a turn is over after 3 s at most", []any{"SET", turnKey, "of a dead replica", "PX", "3000"}},
			{"a turn without a time to live gets one", []any{"SET", turnKey, "by hand"}},
			{"a turn with a long time to live gets a shorter one", []any{"SET", turnKey, "by hand", "EX", "3600"}},
			{"an empty turn gets a time to live", []any{"SET", turnKey, ""}},
			{"a huge turn gets a time to live", []any{"SET", turnKey, strings.Repeat("x", 1<<20)}},
			{"a turn that is a hash gets a time to live", []any{"HSET", turnKey, "a", "b"}},
		} {
			t.Run(row.name, func(t *testing.T) {
				conn, app := redistest.Conn(t, b.Addr), &ledger{}
				for _, command := range [][]any{{"FLUSHALL"}, row.put} {
					if _, err := conn.Do(command[0].(string), command[1:]...); err != nil {
						t.Fatal(err)
					}
				}
				polled := make(chan bool, 1000)
				m := withApp(trick(open(t, b.Addr), func(args []any, reply any) any {
					if args[0] == scripts.turn.Hash() {
						polled <- reply == int64(1)
					}
					return reply
				}), app)
				done := send(m, incoming("SMa", false), "")
				if webhooktest.Receive(t, "a poll", polled) {
					t.Error("the turn was taken from its owner")
				}
				if left, err := redis.Int(conn.Do("PTTL", turnKey)); err != nil || left <= 0 || left > 3000 {
					t.Errorf("the turn lives %d ms, %v", left, err)
				}
				app.expect(t)
				if _, err := conn.Do("PEXPIRE", turnKey, 1); err != nil {
					t.Fatal(err)
				}
				o := webhooktest.Receive(t, "the outcome", done)
				if app.expect(t, "SMa/1/0"); o.Err != nil || o.TurnWait <= 0 {
					t.Errorf("got %+v", o)
				}
				if exists, _ := redis.Bool(conn.Do("EXISTS", turnKey)); exists {
					t.Error("the turn was not released by the commit")
				}
			})
		}
	})
}

// Otherwise, the turn of a dead replica would not end while somebody waits for it.
func TestPollDoesNotExtendATurn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		if _, err := conn.Do("SET", turnKey, "of a dead replica", "PX", 60_000); err != nil {
			t.Fatal(err)
		}
		if taken, err := redis.Int(scripts.turn.Do(conn, turnKey, "waiting", 120_000)); taken != 0 || err != nil {
			t.Fatal(taken, err)
		}
		if left, err := redis.Int(conn.Do("PTTL", turnKey)); err != nil || left <= 0 || left > 60_000 {
			t.Errorf("the turn lives %d ms, %v", left, err)
		}
	})
}

// A waiting message asks for the turn often at first, and then at intervals that differ from replica to replica.
func TestIntervalsOfPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		s.set(turnKey, "of somebody who does not end")
		var polls []time.Time
		m := withApp(trick(s.pool(), func(args []any, reply any) any {
			if args[0] == scripts.turn.Hash() {
				polls = append(polls, time.Now())
			}
			return reply
		}), &ledger{})
		<-send(m, incoming("SMa", false), "")
		var intervals []time.Duration
		for i := range len(polls) - 1 {
			intervals = append(intervals, polls[i+1].Sub(polls[i]))
		}
		late := intervals[len(intervals)-10:]
		if intervals[0] > 10*time.Millisecond || slices.Max(late) > 250*time.Millisecond ||
			slices.Min(late) < 100*time.Millisecond || slices.Min(late) == slices.Max(late) {
			t.Errorf("the intervals were %v", intervals)
		}
	})
}

// A call takes longer than a turn lasts without a renewal.
func TestRenewal(t *testing.T) {
	for _, row := range []struct {
		name     string
		interval time.Duration
		want     []string
		most     int
	}{
		{"a turn is renewed while the app is called", renewalInterval, []string{"SMa/1/0", "SMb/1/1"}, 1},
		{"without a renewal, both messages are in the app", time.Hour, []string{"SMa/1/0", "SMb/1/0"}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, s := &ledger{pause: 4500 * time.Millisecond}, newShared()
				a, b := withApp(s.pool(), app), withApp(s.pool(), app)
				a.renewalInterval, b.renewalInterval = row.interval, row.interval
				first := send(a, incoming("SMa", false), "")
				synctest.Wait()
				second := send(b, incoming("SMb", false), "")
				if o := <-first; o.Err != nil {
					t.Error(o.Err)
				}
				if o := <-second; (o.Err != nil) != (row.most > 1) { // too late for another call after the conflict
					t.Error(o.Err)
				}
				app.expect(t, row.want...)
				if app.most != row.most {
					t.Errorf("%d calls at once", app.most)
				}
			})
		})
	}
}

// The replica that had the turn dies while the app is called.
func TestCrashDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, s := &ledger{}, newShared()
		dead := withApp(s.pool(), app)
		if _, has, err := dead.pollTurn(t.Context(), &delivery{turn: &turn{key: turnKey, token: "dead"}},
			&history{}); !has || err != nil {
			t.Fatal(has, err)
		}
		o := <-send(withApp(s.pool(), app), incoming("SMa", false), "")
		if o.Err != nil || o.TurnWait < turnTime || o.TurnWait > turnTime+maxPause {
			t.Errorf("got %v after %v", o.Err, o.TurnWait)
		}
	})
}

func TestTurnTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, s := &ledger{}, newShared()
		s.set(turnKey, "of somebody who does not end")
		began := time.Now()
		o := <-send(withApp(s.pool(), app), incoming("SMa", false), "")
		// Of 10 s, 1 s is for the commit, and a quarter of 8 s must be left for the call.
		if took := time.Since(began); took != 7*time.Second || o.TurnWait != took {
			t.Errorf("it waited %v of %v", o.TurnWait, took)
		}
		if o.Err != ErrWaited || o.Calls.Count != 0 || o.Attempts != 1 {
			t.Errorf("got %+v", o)
		}
		if app.expect(t); len(s.model.keys) != 1 {
			t.Errorf("Redis has %v", s.model.keys)
		}
	})
}

// The time-outs of a short budget are shorter.
func TestTurnWithAShortBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		m := withApp(s.pool(), &ledger{})
		m.options.Budget = 3 * time.Second
		s.set(turnKey, "of somebody who does not end")
		if o := <-send(m, incoming("SMa", false), ""); o.Err != ErrWaited || o.TurnWait != 1500*time.Millisecond {
			t.Errorf("got %v after %v", o.Err, o.TurnWait)
		}
	})
}

// If Redis is away, the outcome says so.
func TestTurnWithoutRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		s.setDown(true)
		if o := <-send(withApp(s.pool(), &ledger{}), incoming("SMa", false), ""); !errors.Is(o.Err, errCut) {
			t.Errorf("got %v", o.Err)
		}
	})
}

// A turn that ends without a commit is released at once, and the outcome does not wait for this.
func TestReleaseWithoutACommit(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(app *ledger, hangUp func())
		want error
	}{
		{"after a fault", func(app *ledger, _ func()) { app.answers <- conversation.Fault("status") }, ErrResponder},
		{"if the responder did not call the app", func(app *ledger, _ func()) { app.answers <- ErrWaited }, ErrWaited},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, s := &ledger{answers: make(chan error)}, newShared()
				m := withApp(s.pool(), app)
				ctx, hangUp := context.WithCancel(t.Context())
				done := sendContext(ctx, m, incoming("SMa", false), "")
				synctest.Wait()
				if s.get(turnKey) == "" {
					t.Error("the turn was not taken")
				}
				row.end(app, hangUp)
				if o := <-done; !errors.Is(o.Err, row.want) || (row.want == ErrWaited) != (o.Err == ErrWaited) {
					t.Errorf("got %v", o.Err)
				}
				hangUp()
				m.background.Wait()
				if len(s.model.keys) != 0 {
					t.Errorf("Redis has %v", s.model.keys)
				}
			})
		})
	}
	t.Run("while all connections are in use", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app, s := &ledger{answers: make(chan error)}, newShared()
			m := withApp(s.pool(), app)
			m.slots = newSlots(1)
			done := send(m, incoming("SMa", false), "")
			synctest.Wait()
			<-m.slots
			failed := time.Now()
			app.answers <- conversation.Fault("status")
			if o := <-done; !errors.Is(o.Err, ErrResponder) || !time.Now().Equal(failed) {
				t.Errorf("got %v after %v", o.Err, time.Since(failed))
			}
			m.slots.release()
			if m.background.Wait(); s.get(turnKey) != "" {
				t.Error("the turn was not released")
			}
		})
	})
	t.Run("after a panic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShared()
			m := withApp(s.pool(), panicking{})
			o := m.enqueue(t.Context(), incoming("SMa", false), "")
			if _, isPanic := errors.AsType[*PanicError](o.Err); !isPanic {
				t.Errorf("got %v", o.Err)
			}
			m.background.Wait()
			if len(s.model.keys) != 0 {
				t.Errorf("Redis has %v", s.model.keys)
			}
		})
	})
	t.Run("if the client hangs up while the message waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShared()
			s.set(turnKey, "of somebody else")
			m := withApp(s.pool(), &ledger{})
			ctx, hangUp := context.WithCancel(t.Context())
			done := sendContext(ctx, m, incoming("SMa", false), "")
			synctest.Wait()
			hangUp()
			if o := <-done; o.Err != ErrGone {
				t.Errorf("got %v", o.Err)
			}
			m.background.Wait()
			if s.get(turnKey) != "of somebody else" {
				t.Error("the turn of somebody else was released")
			}
		})
	})
}
