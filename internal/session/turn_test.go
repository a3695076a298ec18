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

func TestTimeOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, s := &ledger{answers: make(chan error)}, newShared()
		began := time.Now()
		o := <-send(withApp(s.pool(), app), incoming("SMa", false), "")
		if took := time.Since(began); took != 9*time.Second || o.Calls.Took != took || o.Calls.Count != 1 {
			t.Errorf("the call took %v of %v", o.Calls.Took, took)
		}
		word, isFault := errors.AsType[conversation.Fault](o.Err)
		if !isFault || word != "timeout" || !errors.Is(o.Err, ErrResponder) || o.Calls.Err != word {
			t.Errorf("got %v and %v", o.Err, o.Calls.Err)
		}
	})
}

// No connection is in use while the app is called.
func TestSlotsDuringACall(t *testing.T) {
	for _, row := range []struct {
		name string
		app  func(m *Manager, app conversation.Responder) conversation.Responder
		want error
	}{
		{"another conversation uses the only slot",
			func(_ *Manager, app conversation.Responder) conversation.Responder { return app }, nil},
		{"a call that holds a slot blocks all conversations",
			func(m *Manager, app conversation.Responder) conversation.Responder { return slotHolder{app, m} },
			ErrWaited},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, s := &ledger{pause: 8 * time.Second}, newShared()
				m := withApp(s.pool(), nil)
				m.slots = newSlots(1)
				m.options.Responder = row.app(m, app)
				first := send(m, incoming("SMa", false), "")
				synctest.Wait()
				waiting := send(withApp(s.pool(), app), incoming("SMb", false), "")
				other := incoming("SMc", false)
				other.From = "+12025550144"
				other.Received = time.Now().Add(-1900 * time.Millisecond) // less time than the first call takes
				sameSlots := withApp(s.pool(), &ledger{})
				sameSlots.slots = m.slots
				if o := <-send(sameSlots, other, ""); !errors.Is(o.Err, row.want) {
					t.Errorf("got %v, want %v", o.Err, row.want)
				}
				<-first
				<-waiting
			})
		})
	}
}

// slotHolder makes the mistake of holding a slot while the app is called.
type slotHolder struct {
	conversation.Responder
	manager *Manager
}

func (h slotHolder) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	<-h.manager.slots
	defer h.manager.slots.release()
	return h.Responder.Respond(ctx, s, m)
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
	t.Run("after a panic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShared()
			m := withApp(s.pool(), panicking{})
			func() {
				defer func() { _ = recover() }()
				m.enqueue(t.Context(), incoming("SMa", false), "")
				t.Error("it did not panic")
			}()
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

// The record is read under the turn, although this replica has cached it.
func TestReadUnderTheTurn(t *testing.T) {
	// A guessing replica takes the record that it saved last instead of the one in Redis.
	guesses := map[string]any{}
	guess := func(args []any, reply any) any {
		key := fmt.Sprint(args[2])
		switch guessed, found := guesses[key]; {
		case args[0] == scripts.record.Hash() && reply == int64(1):
			guesses[key] = args[4]
		case args[0] == scripts.find.Hash() && found:
			delete(guesses, key)
			return guessed
		}
		return reply
	}
	for _, row := range []struct {
		name string
		lie  func([]any, any) any
		want []string
	}{
		{"a record of another replica is seen", func(_ []any, reply any) any { return reply },
			[]string{"SMa/1/0", "SMb/1/1", "SMc/1/2"}},
		{"a guess calls the app once more", guess, []string{"SMa/1/0", "SMb/1/1", "SMc/1/1", "SMc/2/2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			app, s := &ledger{}, newShared()
			m := withApp(trick(s.pool(), row.lie), app)
			cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
			m.cache.score.Store(maxScore)
			if m.cache.records.Len() != 0 {
				t.Error("a record is cached that is never used")
			}
			withApp(s.pool(), app).enqueue(t.Context(), incoming("SMb", false), cookie)
			m.cache.add(cookie, recordAfter(1))
			if o := m.enqueue(t.Context(), incoming("SMc", false), cookie); o.Err != nil {
				t.Error(o.Err)
			}
			app.expect(t, row.want...)
		})
	}
}

// Twilio's connection breaks while the app is called, and Twilio delivers the message to the fallback URL.
func TestFallbackDuringACall(t *testing.T) {
	var early any // what a replica that reads before it waits has read
	tooEarly := func(args []any, reply any) any {
		switch {
		case args[0] != scripts.find.Hash() || !strings.HasPrefix(fmt.Sprint(args[2]), "sms:session:"):
		case early == nil:
			early = reply
		default:
			defer func() { early = reply }()
			return early
		}
		return reply
	}
	for _, row := range []struct {
		name    string
		replica func(m *Manager, pool *redis.Pool, app *ledger) *Manager
		want    []string
	}{
		{"to the same replica", func(m *Manager, _ *redis.Pool, _ *ledger) *Manager { return m },
			[]string{"SMa/1/0", "SMb/1/1"}},
		{"to another replica", func(_ *Manager, pool *redis.Pool, app *ledger) *Manager { return withApp(pool, app) },
			[]string{"SMa/1/0", "SMb/1/1"}},
		{"to a replica that does not read after the wait",
			func(_ *Manager, pool *redis.Pool, app *ledger) *Manager { return withApp(trick(pool, tooEarly), app) },
			[]string{"SMa/1/0", "SMb/1/1", "SMb/1/1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, s := &ledger{}, newShared()
				m := withApp(s.pool(), app)
				cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
				app.answers = make(chan error)
				ctx, hangUp := context.WithCancel(t.Context())
				first := sendContext(ctx, m, incoming("SMb", false), cookie)
				synctest.Wait()
				hangUp()
				second := send(row.replica(m, s.pool(), app), incoming("SMb", false), cookie)
				synctest.Wait()
				close(app.answers)
				a, b := <-first, <-second
				if app.expect(t, row.want...); a.Err != nil || b.Err != nil || !a.Reply.Equal(b.Reply) {
					t.Errorf("got %+v and %+v", a, b)
				}
				if b.Result != Repeated || b.Calls.Count != 0 && len(row.want) == 2 {
					t.Errorf("the second delivery got %+v", b)
				}
			})
		})
	}
}

// A message with the cookie of its session takes two round trips, besides the call: one for the turn and the record,
// and one for the commit and the release.
func TestTripsOfATurn(t *testing.T) {
	app, s := &ledger{}, newShared()
	var trips []int
	pool := s.pool()
	m := withApp(&redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) {
		conn, err := pool.Dial()
		return &counted{Conn: conn, trips: &trips}, err
	}}, app)
	cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
	if want := []int{2, 1, 2}; !slices.Equal(trips, want) {
		t.Errorf("the first message ran %d scripts in each round trip, want %d", trips, want)
	}
	trips = nil
	m.enqueue(t.Context(), incoming("SMb", false), cookie)
	if want := []int{2, 3}; !slices.Equal(trips, want) {
		t.Errorf("the second message ran %d scripts in each round trip, want %d", trips, want)
	}
	m.options.IsCluster, trips = true, nil
	m.enqueue(t.Context(), incoming("SMc", false), cookie)
	if want := []int{1, 1, 2, 1}; !slices.Equal(trips, want) {
		t.Errorf("on a Cluster, a message ran %d scripts in each round trip, want %d", trips, want)
	}
	if s.get(turnKey) != "" {
		t.Error("the turn was not released")
	}
}

// counted is a connection that notes how many commands each round trip has.
type counted struct {
	redis.Conn
	trips *[]int
	sent  int
}

func (c *counted) Send(command string, args ...any) error {
	c.sent++
	return c.Conn.Send(command, args...)
}

func (c *counted) Flush() error {
	*c.trips = append(*c.trips, c.sent)
	c.sent = 0
	return c.Conn.Flush()
}

func (c *counted) Do(command string, args ...any) (any, error) {
	if command != "" {
		*c.trips = append(*c.trips, 1)
	}
	return c.Conn.Do(command, args...)
}

// A script that the server has forgotten is run again. What was read before the turn was taken is then read again.
func TestForgottenTurnScripts(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		app, conn := &ledger{}, redistest.Conn(t, b.Addr)
		m := withApp(open(t, b.Addr), app)
		cookie := m.enqueue(t.Context(), incoming("SM0", false), "").token
		for i := range 3 {
			if _, err := conn.Do("SCRIPT", "FLUSH"); err != nil {
				t.Fatal(err)
			}
			if i > 0 { // the server knows find, but not turn
				_, _ = scripts.find.Do(conn, turnKey)
			}
			o := m.enqueue(t.Context(), incoming(fmt.Sprint("SM", i+1), false), cookie)
			if o.Err != nil || o.Attempts != 1 || len(app.all()) != i+2 {
				t.Errorf("got %+v after the calls %q", o, app.all())
			}
			if exists, _ := redis.Bool(conn.Do("EXISTS", turnKey)); exists {
				t.Error("the turn was not released")
			}
		}
	})
}
