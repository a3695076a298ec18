package session

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gomodule/redigo/redis"
)

// backward is a connection to the most unfavourable Cluster: of two commands that were sent together to the nodes of
// their keys, the second is always executed first.
type backward struct {
	*gate
	held []answered
}

type answered struct {
	reply any
	err   error
}

// connect returns an actor's connection.
func (w *world) connect(a *actor) redis.Conn {
	g := &gate{world: w, actor: a}
	if w.backward {
		return &backward{gate: g}
	}
	return g
}

func (b *backward) Receive() (any, error) {
	if len(b.held) > 0 {
		held := b.held[0]
		b.held = b.held[1:]
		return held.reply, held.err
	}
	if len(b.queued) != 2 {
		return b.gate.Receive()
	}
	b.queued[0], b.queued[1] = b.queued[1], b.queued[0]
	reply, err := b.gate.Receive()
	b.held = append(b.held, answered{reply, err})
	return b.gate.Receive()
}

// The scenarios with two first messages fail if a new record is sent together with its pointer: for a moment, the
// pointer leads nowhere, and the other message would treat this as an expired session.
func TestInterleavingsOnACluster(t *testing.T) {
	skipUnderRace(t)
	for _, s := range scenarios() {
		if s.faults > 0 && !strings.Contains(s.name, "first") || s.faults > 2 {
			continue // an existing record is saved in the same way everywhere; two faults show the effect of the order
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := s.begin
				s.begin = func(w *world) {
					w.backward = true
					begin(w)
				}
				runs, violation := explore(s, newModel)
				if violation != "" {
					t.Fatal(violation)
				}
				t.Logf("%d orders", runs)
			})
		})
	}
}
