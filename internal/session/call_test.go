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

	"smsession/internal/conversation"
	"smsession/internal/redistest"
)

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

// A replica was stopped during its call, longer than its turn lasts. In the meantime, another one has saved a message.
func TestCommitAfterTheTurn(t *testing.T) {
	for _, isNaive := range []bool{false, true} {
		t.Run(fmt.Sprint("a commit does not compare: ", isNaive), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, app := newShared(), &ledger{answers: make(chan error)}
				s.model.anyRecord = isNaive
				stopped, other := withApp(s.pool(), app), withApp(s.pool(), &ledger{})
				stopped.renewalInterval = time.Hour
				cookie := other.enqueue(t.Context(), incoming("SMa", false), "").token
				first := send(stopped, incoming("SMb", false), cookie)
				synctest.Wait()
				if o := other.enqueue(t.Context(), incoming("SMc", false), cookie); o.Err != nil {
					t.Error(o.Err)
				}
				close(app.answers)
				o := <-first
				isLost := !strings.Contains(s.get("sms:session:"+cookie), "SMc")
				if isLost != isNaive || o.Err != nil || (o.Calls.Count == 2) == isNaive {
					t.Errorf("SMc is lost: %t, SMb got %+v", isLost, o)
				}
				if !isNaive {
					app.expect(t, "SMb/1/1", "SMb/2/2")
				}
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

// The record is read under the turn, although this replica has cached it.
func TestReadUnderTheTurn(t *testing.T) {
	// A guessing replica takes the record that it saved last instead of the one in Redis.
	guesses := map[string]any{}
	guess := func(args []any, reply any) any {
		key := fmt.Sprint(args[2])
		switch guessed, found := guesses[key]; {
		case args[0] == scripts.record.Hash() && reply == int64(1):
			guesses[key] = args[7]
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
			withApp(s.pool(), app).enqueue(t.Context(), incoming("SMb", false), cookie)
			m.cache.add(cookie, nil, recordAfter(1))
			if o := m.enqueue(t.Context(), incoming("SMc", false), cookie); o.Err != nil {
				t.Error(o.Err)
			}
			app.expect(t, row.want...)
		})
	}
}

// A record that this replica saved last is not read again, but Redis must confirm it.
func TestConfirmedRecord(t *testing.T) {
	var reads []any
	app, s := &ledger{}, newShared()
	m := withApp(trick(s.pool(), func(args []any, reply any) any {
		if args[0] == scripts.find.Hash() && strings.HasPrefix(fmt.Sprint(args[2]), "sms:session:") {
			reads = append(reads, reply)
		}
		return reply
	}), app)
	cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
	for _, row := range []struct {
		name    string
		replica *Manager
		sid     string
		isRead  bool
	}{
		{"a new cache is not used", m, "SMb", true},
		{"the record is as this replica saved it", m, "SMc", false},
		{"another replica answers", withApp(s.pool(), app), "SMd", false},
		{"the record is of another replica", m, "SMe", true},
		{"the record is again as this replica saved it", m, "SMf", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			reads = nil
			if o := row.replica.enqueue(t.Context(), incoming(row.sid, false), cookie); o.Err != nil {
				t.Error(o.Err)
			}
			isRead := len(reads) > 0 && reads[0] != int64(1)
			if isRead != row.isRead || row.replica == m && len(reads) != 1 {
				t.Errorf("the record is read: %t, in %d reads", isRead, len(reads))
			}
		})
	}
	app.expect(t, "SMa/1/0", "SMb/1/1", "SMc/1/2", "SMd/1/3", "SMe/1/4", "SMf/1/5")
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
