package session

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The tests in this file run several deliveries of one conversation, each on its own replica. They execute one Redis
// command at a time, in all orders (see scenario), and with faults at every possible point. They run the real Manager.
// Redis is a map that follows the rules of the scripts; TestModel compares it with the real scripts.

// fault is an event that can happen to a command.
type fault int

const (
	none  fault = iota // the command is executed
	crash              // the replica dies before the command is sent
	lost               // the command is executed, but the reply and the connection are lost
	late               // the connection is lost, and the commands that were sent are executed at any later time
)

// waiting is a command that waits to be executed.
type waiting struct {
	run   func() (any, error)
	polls string // the key of the turn, if the command asks for it
}

// actor is a delivery, an operator, or the late commands of one of these.
type actor struct {
	name  string
	at    chan *waiting // the command at which the actor stops; closed when the actor has ended
	order chan fault
	next  *waiting
	dead  bool

	sid     string
	text    string // the reply, if there is one
	deliver func(*Manager, Incoming, string) *Outcome

	isAnswered bool // with a reply, which may be empty

	impatient bool // the delivery makes one attempt

	writesBack bool // the delivery makes the mistake of writing the revision that it has read

	operator *operator // nil for a delivery

	refusedFor string // who had the turn when the actor last asked for it; "" if it got it
	isHaunting bool   // it is neither a delivery nor an operator, nor their late commands
}

// world is a model of Redis and its users.
type world struct {
	model    *model
	actors   []*actor
	last     *actor // the actor of the last command
	faults   int    // the faults that may still happen
	happened int    // the faults that have happened
	switches int    // how often the test may still switch from an actor that could continue
	backward bool   // see the type backward
	oldFirst bool   // the first delivery writes the revision back that it has read

	calls       map[string]int                            // of an app, by MessageSid
	deliverWith func(*Manager, Incoming, string) *Outcome // patient if it is nil
	expiries    int                                       // how many turns have expired
}

// gate is a connection that executes a command when the test lets its actor continue.
type gate struct {
	world  *world
	actor  *actor
	queued []waiting
	err    error
}

var errCut = errors.New("connection lost")

func (g *gate) Close() error { return nil }
func (g *gate) Err() error   { return g.err }
func (g *gate) Flush() error { return g.err }

func (g *gate) Send(command string, args ...any) error {
	sent := copied(args)
	if g.actor.writesBack && sent[0] == scripts.record.Hash() {
		begin := len(sent) - 1 // the new record
		if len(sent) > 8 {
			begin = 8 // the first change, which has the revision
		}
		sent[begin] = sent[3] + sent[begin][min(len(sent[3]), len(sent[begin])):]
	}
	w := waiting{run: func() (any, error) { return g.world.model.do(command, sent) }}
	if command == "EVALSHA" && sent[0] == scripts.turn.Hash() {
		w.polls = sent[2]
		w.run = func() (any, error) { return g.poll(command, sent) }
	}
	g.queued = append(g.queued, w)
	return g.err
}

func (g *gate) Do(command string, args ...any) (any, error) {
	if command == "" || g.actor.dead {
		return nil, g.err
	}
	_ = g.Send(command, args...)
	return g.Receive()
}

// Receive executes the oldest command that was sent.
func (g *gate) Receive() (any, error) {
	if g.err != nil {
		return nil, g.err
	}
	next, rest := g.queued[0], g.queued[1:]
	g.queued = rest
	g.actor.at <- &next
	switch <-g.actor.order {
	case crash:
		g.actor.dead = true
		runtime.Goexit()
	case lost:
		_, _ = next.run()
		g.err = errCut
	case late:
		g.err = errCut
		g.world.executeLater(g.actor.name, append([]waiting{next}, rest...))
	default:
		return next.run()
	}
	return nil, g.err
}

// start lets an actor run until it stops at its first command.
func (w *world) start(a *actor, body func()) {
	a.at, a.order = make(chan *waiting), make(chan fault)
	w.actors = append(w.actors, a)
	go func() {
		defer close(a.at)
		body()
	}()
	a.next = <-a.at
}

// executeLater adds an actor for the commands that were sent on a connection before it was lost.
func (w *world) executeLater(name string, commands []waiting) {
	a := &actor{name: "late " + name}
	w.start(a, func() {
		for _, next := range commands {
			a.at <- &waiting{run: next.run}
			<-a.order
			_, _ = next.run()
		}
	})
}

// cached makes a replica that has cached the running conversation as it was after n messages, and uses its cache.
func cached(n int) func(*Manager) {
	return func(m *Manager) {
		m.cache.score.Store(maxScore)
		m.cache.add(running, nil, recordAfter(n))
	}
}

// impatient makes a replica that gives up after one attempt.
func impatient(m *Manager) { m.options.Budget = time.Millisecond }

// deliver adds a delivery on a replica of its own.
func (w *world) deliver(sid, cookie string, end bool, set ...func(*Manager)) {
	a := &actor{name: sid, sid: sid, deliver: w.deliverWith}
	if a.deliver == nil {
		a.deliver = patient
	}
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return w.connect(a), nil }}
	m := newManager(pool, 8)
	for _, f := range set {
		f(m)
	}
	a.impatient, a.writesBack = m.options.Budget < time.Second, w.oldFirst && len(w.actors) == 0
	w.start(a, func() {
		// The middleware around this call would take a fifth of the time of the tests.
		o := a.deliver(m, incoming(sid, end), cookie)
		a.isAnswered, a.text = o.Err == nil, strings.Join(o.Reply.Texts, "")
		m.background.Wait()
	})
}

// option is an event that may happen next.
type option struct {
	actor *actor
	fault fault
}

func (w *world) options() []option {
	var all []option
	for _, a := range w.actors {
		if !w.canContinue(a) || a != w.last && w.last != nil && w.canContinue(w.last) && w.switches == 0 {
			continue
		}
		all = append(all, option{a, none})
		if w.faults > 0 && (a.sid != "" || a.operator != nil) {
			all = append(all, option{a, crash}, option{a, lost}, option{a, late})
		}
	}
	return all
}

func (w *world) take(o option) {
	if o.fault != none {
		w.faults--
		w.happened++
	}
	if w.last != nil && w.last != o.actor && w.canContinue(w.last) {
		w.switches--
	}
	w.last = o.actor
	o.actor.order <- o.fault
	o.actor.next = <-o.actor.at
}

// scenario is the content of Redis and the actors. Two deliveries are run in every order. Three deliveries have
// billions of orders, so their switches are limited: a fault that needs three deliveries shows after a few switches.
type scenario struct {
	name     string
	faults   int
	switches int
	begin    func(*world)
}

const everyOrder = 1 << 30

// explore runs a scenario in every order. It returns how many there are, and the first violation with the order that
// led to it.
func explore(s scenario, newModel func() *model) (runs int, violation string) {
	return exploreWith(s, newModel, (*world).violation)
}

// exploreWith is like explore, but has other rules.
func exploreWith(s scenario, newModel func() *model, rules func(*world) string) (runs int, violation string) {
	var choices []int
	for {
		w := &world{model: newModel(), faults: s.faults, switches: s.switches}
		s.begin(w)
		var widths []int
		var trace []string
		for depth := 0; ; depth++ {
			options := w.options()
			if len(options) == 0 && w.expireTurn() {
				options = w.options()
			}
			if len(options) == 0 {
				break
			}
			if depth == len(choices) {
				choices = append(choices, 0)
			}
			widths = append(widths, len(options))
			o := options[choices[depth]]
			trace = append(trace, fmt.Sprintf("%s/%d", o.actor.name, o.fault))
			w.take(o)
		}
		runs++
		if v := rules(w); v != "" {
			return runs, fmt.Sprintf("%s\nafter %s\nRedis has %v", v, strings.Join(trace, " "), w.model.keys)
		}
		choices = choices[:len(widths)]
		for len(choices) > 0 && choices[len(choices)-1]+1 == widths[len(choices)-1] {
			choices = choices[:len(choices)-1]
		}
		if len(choices) == 0 {
			return runs, ""
		}
		choices[len(choices)-1]++
	}
}

const (
	orphan = "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
)

// conversationOf puts a running conversation of n messages into Redis.
func conversationOf(w *world, n int) {
	put(w, running, n)
	w.model.keys["sms:conversation:+15005550006:+12025550143"] = running
}

func put(w *world, token string, n int) {
	w.model.keys["sms:session:"+token] = string(recordAfter(n).Bytes())
}

// scenarios returns the scenarios for the rules of violation. They include STOP together with a message and its repeat,
// with and without a session, and with and without the cookie.
func scenarios() []scenario {
	return append(orphanScenarios(), []scenario{
		{"three first messages", 0, 3, func(w *world) {
			for _, sid := range []string{"SMa", "SMb", "SMc"} {
				w.deliver(sid, "", false)
			}
		}},
		{"three further messages", 0, 3, func(w *world) {
			conversationOf(w, 1)
			for _, sid := range []string{"SMa", "SMb", "SMc"} {
				w.deliver(sid, running, false)
			}
		}},
		{"STOP, a message and its repeat", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.deliver("SMa", running, false)
			w.deliver("SMstop", running, true)
		}},
		{"STOP, a message and its repeat without a cookie", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", "", false)
			w.deliver("SMa", running, false)
			w.deliver("SMstop", "", true)
		}},
		{"STOP, a first message and its repeat", 0, 3, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMa", "", false)
			w.deliver("SMstop", "", true)
		}},
		{"STOP, its repeat and a message", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMstop", running, true)
			w.deliver("SMstop", "", true)
			w.deliver("SMa", running, false)
		}},
		{"a cookie of an orphan, and a message of the conversation", 0, everyOrder, func(w *world) {
			conversationOf(w, 2)
			put(w, orphan, 1)
			w.deliver("SMa", orphan, false)
			w.deliver("SMb", running, false)
		}},
		{"two first messages", 0, everyOrder, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMb", "", false)
		}},
		{"a message and STOP", 0, everyOrder, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.deliver("SMstop", "", true)
		}},
		{"two first messages and a fault", 1, 3, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMb", "", false)
		}},
		{"a first message, its repeat and a fault", 1, 3, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMa", "", false)
		}},
		{"a message, STOP and a fault", 1, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.deliver("SMstop", "", true)
		}},
		{"a message and two faults", 2, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.deliver("SMa", running, false)
		}},
		{"a message whose pointer is gone, and two faults", 2, everyOrder, func(w *world) {
			put(w, running, 2)
			w.deliver("SMa", running, false)
		}},
		{"a hit, a miss and a message", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false, cached(2))
			w.deliver("SMb", running, false, cached(1))
			w.deliver("SMc", running, false)
		}},
		{"a hit, a miss and a fault", 1, 2, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false, cached(2))
			w.deliver("SMb", "", false, cached(1))
		}},
		{"two cached records and STOP", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false, cached(2))
			w.deliver("SMa", running, false, cached(1))
			w.deliver("SMstop", running, true, cached(2))
		}},
		{"a repeat with a cached record from before its message, and two faults", 2, everyOrder, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMold1", running, false, cached(1))
		}},
		{"a cached record of a session that is over, a message and a fault", 1, 2, func(w *world) {
			w.deliver("SMa", running, false, cached(2))
			w.deliver("SMb", "", false)
		}},
		{"a cached record of a session that lost the race", 0, everyOrder, func(w *world) {
			put(w, orphan, 1)
			w.model.keys["sms:conversation:+15005550006:+12025550143"] = orphan
			put(w, running, 2)
			w.deliver("SMa", running, false, cached(2))
		}},
		{"a first message and two faults", 2, everyOrder, func(w *world) { w.deliver("SMa", "", false) }},
	}...)
}

// skipUnderRace skips a search of all orders under the race detector, because it takes ten times as long there. Only
// one actor runs at a time, so there is no race to detect. `make test` runs these tests without the detector.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if isUnderRace {
		t.Skip("a search of all orders runs without the race detector")
	}
}

func TestInterleavings(t *testing.T) {
	skipUnderRace(t)
	for _, s := range slices.Concat(scenarios(), endScenarios(), revisionScenarios()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs, violation := explore(s, newModel)
				if violation != "" {
					t.Fatal(violation)
				}
				t.Logf("%d orders", runs)
			})
		})
	}
}

// The rules must catch each naive version of the scripts in at least one order.
func TestNaiveCommits(t *testing.T) {
	skipUnderRace(t)
	for name, naive := range map[string]func(*model){
		"a record that is saved without a comparison": func(m *model) { m.anyRecord = true },
		"a pointer that is set without a comparison":  func(m *model) { m.anyPointer = true },
		"a pointer that is renewed without a look":    func(m *model) { m.blindPointer = true },
		"a record that is not deleted":                func(m *model) { m.noErase = true },
		"an end that is saved without a comparison":   func(m *model) { m.anyEnd = true },
		"an end that deletes the record":              func(m *model) { m.endDeletes = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, s := range slices.Concat(endScenarios(), scenarios()) {
					if runs, violation := explore(s,
						func() *model { m := newModel(); naive(m); return m }); violation != "" {
						t.Logf("caught by %q in order %d: %s", s.name, runs, violation)
						return
					}
				}
				t.Error("no order shows a violation")
			})
		})
	}
}
