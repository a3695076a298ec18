package session

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// The tests in this file run deliveries that call an app. No guarantee depends on the turn, so the rules of violation
// apply to every order, also if turns expire. The rules of turnViolation are about the calls.

// poll is the script turn of an actor.
func (g *gate) poll(command string, args []string) (any, error) {
	reply, err := g.world.model.do(command, args)
	if g.actor.refusedFor = ""; reply == int64(0) && g.err == nil {
		g.actor.refusedFor = g.world.model.keys[args[2]]
	}
	return reply, err
}

// canContinue reports whether an actor has a command that could change something. If an actor has asked for the turn in
// vain, it asks again only when somebody else has the turn, or nobody.
func (w *world) canContinue(a *actor) bool {
	return a.next != nil && (a.next.polls == "" || a.refusedFor == "" || w.model.keys[a.next.polls] != a.refusedFor)
}

// expireTurn deletes a turn whose owner has died. It reports whether an actor has waited for it.
func (w *world) expireTurn() bool {
	for _, a := range w.actors {
		if a.next != nil && !w.canContinue(a) {
			w.expiries++
			delete(w.model.keys, a.next.polls)
			return true
		}
	}
	return false
}

// calling makes a replica that calls an app. Renewals are not made by the replica; see haunt.
func (w *world) calling(m *Manager) {
	if w.calls == nil {
		w.calls = map[string]int{}
	}
	m.options.Responder, m.options.CallTimeout, m.options.IsCluster = &caller{world: w}, 8*time.Second, w.backward
	m.renewalInterval = time.Hour
}

// caller is the tutorial's conversation in an app.
type caller struct {
	conversation.Counter
	world *world
}

func (c *caller) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	c.world.calls[m.SID]++
	return c.Counter.Respond(ctx, s, m)
}

// haunt adds an actor that does something at any time.
func (w *world) haunt(name string, do func() (any, error)) {
	a := &actor{name: name, isHaunting: true}
	w.start(a, func() {
		a.at <- &waiting{run: do}
		<-a.order
		_, _ = do()
	})
}

// lose adds the loss of a turn, because it expires or in a failover.
func (w *world) lose() {
	w.haunt("loss", func() (any, error) {
		if w.model.keys[turnKey] != "" {
			w.expiries++
		}
		delete(w.model.keys, turnKey)
		return nil, nil
	})
}

// runLate adds a script of a delivery that no longer has its turn.
func (w *world) runLate(script *redis.Script) {
	w.haunt("late script", func() (any, error) {
		return w.model.do("EVALSHA", []string{script.Hash(), "1", turnKey, "of an older delivery", "3000"})
	})
}

// call adds a delivery that calls an app.
func (w *world) call(sid, cookie string, end bool) { w.deliver(sid, cookie, end, w.calling) }

// turnScenarios returns the scenarios with an app.
func turnScenarios() []scenario {
	return []scenario{
		{"two first messages", 0, everyOrder, func(w *world) {
			w.call("SMa", "", false)
			w.call("SMb", "", false)
		}},
		{"two further messages", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", "", false)
		}},
		{"a message and its repeat", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMa", running, false)
		}},
		{"a first message, its repeat and STOP", 0, 3, func(w *world) {
			w.call("SMa", "", false)
			w.call("SMa", "", false)
			w.call("SMstop", "", true)
		}},
		{"a message, STOP and a turn that is lost", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.call("SMa", running, false)
			w.call("SMstop", "", true)
			w.lose()
		}},
		{"three messages", 0, 3, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", "", false)
			w.call("SMc", running, false)
		}},
		{"two messages and a turn that is lost", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", running, false)
			w.lose()
		}},
		{"two first messages and a turn that is lost", 0, everyOrder, func(w *world) {
			w.call("SMa", "", false)
			w.call("SMb", "", false)
			w.lose()
		}},
		{"two messages, a turn that is lost and a fault", 1, 1, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", running, false)
			w.lose()
		}},
		{"two first messages and a fault", 1, 2, func(w *world) {
			w.call("SMa", "", false)
			w.call("SMb", "", false)
		}},
		{"two messages and a late release", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", running, false)
			w.runLate(scripts.discard)
		}},
		{"two messages and a late renewal", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.call("SMb", running, false)
			w.runLate(scripts.renew)
		}},
		{"a message with a turn, and one without", 0, everyOrder, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
			w.deliver("SMb", running, false)
		}},
		{"a message, an end and a turn that is lost", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.call("SMa", running, false)
			w.lose()
			w.end()
		}},
		{"two messages with cached records", 0, everyOrder, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false, w.calling, cached(2))
			w.deliver("SMb", running, false, w.calling, cached(1))
		}},
		{"a message with a cached record, its repeat and a fault", 1, 1, func(w *world) {
			conversationOf(w, full)
			w.deliver("SMaaaaa", running, false, w.calling, cached(full))
			w.deliver("SMaaaaa", running, false, w.calling, cached(full))
		}},
		{"a message and two faults", 2, 2, func(w *world) {
			conversationOf(w, 1)
			w.call("SMa", running, false)
		}},
		{"a first message and two faults", 2, everyOrder, func(w *world) { w.call("SMa", "", false) }},
	}
}

// turnViolation describes which rule is broken, or returns "". If nothing fails and no turn is lost, each message is
// one call, and no turn is left. If there is only one message, it is one call whatever fails, because the answer is
// kept. This is not so if its replica dies, or if an operator ends the conversation.
func (w *world) turnViolation() string {
	if violation := w.violation(); violation != "" {
		return violation
	}
	isCalm, sids := w.happened == 0 && w.expiries == 0, map[string]bool{}
	for _, a := range w.actors {
		if a.dead || a.operator != nil {
			return ""
		}
		if a.sid != "" {
			sids[a.sid] = true
		}
	}
	for sid, n := range w.calls {
		if n != 1 && (isCalm || len(sids) == 1) {
			return fmt.Sprintf("the app got %s %d times", sid, n)
		}
	}
	if isCalm && w.model.keys[turnKey] != "" {
		return "a turn is left"
	}
	return ""
}

// exploreTurns does not apply the rules about calls if one of the messages takes no turn.
func exploreTurns(s scenario, newModel func() *model) (runs int, violation string) {
	if strings.HasSuffix(s.name, "one without") {
		return explore(s, newModel)
	}
	return exploreWith(s, newModel, (*world).turnViolation)
}

func TestTurnInterleavings(t *testing.T) {
	skipUnderRace(t)
	for _, s := range turnScenarios() {
		for _, isCluster := range []bool{false, true} {
			if isCluster && s.faults > 0 && !strings.Contains(s.name, "first") {
				continue // as without an app
			}
			t.Run(fmt.Sprintf("%s, on a Cluster: %t", s.name, isCluster), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					begin := s.begin
					s.begin = func(w *world) {
						w.backward = isCluster
						begin(w)
					}
					runs, violation := exploreTurns(s, newModel)
					if violation != "" {
						t.Fatal(violation)
					}
					t.Logf("%d orders", runs)
				})
			})
		}
	}
}

// The rules must catch each naive version in at least one order.
func TestNaiveTurns(t *testing.T) {
	skipUnderRace(t)
	for _, row := range []struct {
		name  string
		in    string // the scenario
		naive func(*world)
	}{
		{"no turn", "two further messages", func(w *world) { w.model.anyTurn = true }},
		{"a commit without a comparison", "two messages and a turn that is lost",
			func(w *world) { w.model.anyRecord = true }},
		{"a release without a comparison", "two messages and a late release",
			func(w *world) { w.model.anyDiscard = true }},
		{"a renewal without a comparison", "two messages and a late renewal",
			func(w *world) { w.model.anyRenewal = true }},
		{"a cached record that Redis does not confirm", "two messages with cached records",
			func(w *world) { w.model.anyKnown = true }},
		{"an answer that is not kept", "a message and two faults",
			func(w *world) { w.deliverWith = naiveForgetful }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, s := range turnScenarios() {
					if s.name != row.in {
						continue
					}
					begin := s.begin
					s.begin = func(w *world) {
						row.naive(w)
						begin(w)
					}
					if runs, violation := exploreTurns(s, newModel); violation != "" {
						t.Logf("caught by %q in order %d: %s", s.name, runs, violation)
						return
					}
				}
				t.Error("no order shows a violation")
			})
		})
	}
}
