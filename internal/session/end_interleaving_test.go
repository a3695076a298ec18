package session

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// operator is one call of End or Erase with its results.
type operator struct {
	before *record.Record
	found  bool
	err    error
}

// end adds an operator that ends the conversation.
func (w *world) end() {
	w.operate(func(o *operator, ctx context.Context, pool *redis.Pool) {
		o.before, o.found, o.err = End(ctx, pool, record.Keys{Prefix: "sms:"}, "+15005550006", "+12025550143")
	})
}

// erase adds an operator that erases the conversation.
func (w *world) erase() {
	w.operate(func(o *operator, ctx context.Context, pool *redis.Pool) {
		o.found, o.err = Erase(ctx, pool, record.Keys{Prefix: "sms:"}, "+15005550006", "+12025550143")
	})
}

func (w *world) operate(do func(*operator, context.Context, *redis.Pool)) {
	a := &actor{name: "operator", operator: &operator{}}
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return &gate{world: w, actor: a}, nil }}
	w.start(a, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		do(a.operator, ctx, pool)
	})
}

// endScenarios returns the scenarios in which an operator ends the conversation.
func endScenarios() []scenario {
	return []scenario{
		{"an end, a message and its repeat", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.deliver("SMa", running, false)
			w.end()
		}},
		{"an end, a message and its repeat without a cookie", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", "", false)
			w.deliver("SMa", running, false)
			w.end()
		}},
		{"an end, and repeats of a message from before", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMold1", running, false)
			w.deliver("SMold1", "", false)
			w.end()
		}},
		{"an end, a first message and its repeat", 0, 3, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMa", "", false)
			w.end()
		}},
		{"an end and two messages", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.deliver("SMb", "", false)
			w.end()
		}},
		{"an end, STOP and a message", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMstop", running, true)
			w.deliver("SMa", running, false)
			w.end()
		}},
		{"two ends and a message", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.end()
			w.end()
			w.deliver("SMa", running, false)
		}},
		{"an end, a hit and a miss", 0, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false, cached(2))
			w.deliver("SMa", running, false, cached(1))
			w.end()
		}},
		{"an end and a message", 0, everyOrder, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.end()
		}},
		{"an end, a message and a fault", 1, 3, func(w *world) {
			conversationOf(w, 2)
			w.deliver("SMa", running, false)
			w.end()
		}},
		{"an end, a first message and a fault", 1, 3, func(w *world) {
			w.deliver("SMa", "", false)
			w.end()
		}},
		{"an end, and a message with a cookie of an orphan", 0, everyOrder, func(w *world) {
			conversationOf(w, 2)
			put(w, orphan, 1)
			w.deliver("SMa", orphan, false)
			w.end()
		}},
		{"an end and two faults", 2, everyOrder, func(w *world) {
			conversationOf(w, 2)
			w.end()
		}},
	}
}

// erasures are the events that happen while the conversation is erased.
var erasures = map[string]func(*world){
	"a message":        func(w *world) { w.deliver("SMa", running, false) },
	"two messages":     func(w *world) { w.deliver("SMa", running, false); w.deliver("SMb", "", false) },
	"a cached record":  func(w *world) { w.deliver("SMa", running, false, cached(2)) },
	"an end":           func(w *world) { w.end() },
	"another operator": func(w *world) { w.erase() },
}

func eraseBeside(begin func(*world), newModel func() *model) (runs int, violation string) {
	return exploreWith(scenario{"", 0, 3, func(w *world) {
		conversationOf(w, 2)
		w.model.keys["sms:quarantine:{sms:session:"+running+"}"] = "an unreadable record"
		begin(w)
		w.erase()
	}}, newModel, (*world).remains)
}

// An erased conversation may count a repeat again, so the other rules do not apply to it. The rules here are: nothing
// of the conversation is left, and there is at most one conversation that began after it.
func TestEraseInterleavings(t *testing.T) {
	for name, begin := range erasures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs, violation := eraseBeside(begin, newModel)
				if violation != "" {
					t.Fatal(violation)
				}
				t.Logf("%d orders", runs)
			})
		})
	}
}

func TestNaiveErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, violation := eraseBeside(erasures["a message"], func() *model {
			m := newModel()
			m.anyDiscard = true
			return m
		})
		if violation == "" {
			t.Errorf("%d orders show no violation", runs)
		}
		t.Log(violation)
	})
}

// remains describes the keys that are left of the erased conversation. If the record of a commit was erased, the commit
// may still set the pointer, which then leads nowhere.
func (w *world) remains() string {
	for _, a := range w.actors {
		if a.operator != nil && a.operator.err != nil {
			return "the operator got the error: " + a.operator.err.Error()
		}
	}
	for key, value := range w.model.keys {
		if strings.Contains(key, running) || strings.Contains(value, "SMold") {
			return "this key is left: " + key
		}
		token := strings.TrimPrefix(key, "sms:session:")
		if token != key && w.model.keys["sms:conversation:+15005550006:+12025550143"] != token {
			return "no pointer leads to the conversation that began later"
		}
	}
	return ""
}
