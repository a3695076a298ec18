package check

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"smsession/internal/chaostest/history"
	"smsession/internal/webhooktest"
)

// session is a session that makes no mistake.
type session struct {
	exists, ended bool
	number        int
	numbers       map[string]int
	order         []string
	renewed       time.Duration // the moment of the last delivery
}

// at expires the session if it is time.
func (s *session) at(now time.Duration) {
	if s.exists && now >= s.renewed+tenSeconds().Idle {
		*s = session{}
	}
	if s.numbers == nil {
		s.numbers = map[string]int{}
	}
}

// apply executes an operation and returns it with its outcome.
func (s *session) apply(o history.Op, now time.Duration) history.Op {
	s.at(now)
	switch o.Kind {
	case history.Deliver:
		n, isRepeat := s.numbers[o.SID]
		if !isRepeat {
			if n = s.number + 1; o.IsStop {
				n = 0
			}
			s.number, s.ended, s.numbers[o.SID] = n, o.IsStop, n
			s.order = append(s.order, o.SID)
		}
		s.exists, s.renewed = true, now
		if n > 0 {
			o.Reply = webhooktest.Greeting(n)
		}
		o.Body = fmt.Sprint(n)
	case history.End:
		o.Ended = history.Ending{Found: s.exists, Before: s.ended, Count: s.number}
		s.number, s.ended = 0, s.exists
	case history.Read:
		if s.exists {
			left := s.renewed + tenSeconds().Idle - now
			o.Record = &history.Record{Counter: s.number, HasEnded: s.ended, TTL: left, LongestTTL: left}
			for _, sid := range s.order {
				o.Record.Messages = append(o.Record.Messages, history.Message{SID: sid, Number: s.numbers[sid]})
			}
		}
	}
	return o
}

// fail ends the session, as a STOP does at which the app fails. The STOP is not counted.
func (s *session) fail(sid string, now time.Duration) {
	s.at(now)
	if _, isRepeat := s.numbers[sid]; s.exists && !isRepeat {
		s.number, s.ended, s.renewed = 0, true, now
	}
}

// moment is when an operation takes effect.
type moment struct {
	history.Op
	at time.Duration
}

// simulate returns a history of a session that makes no mistake. Some outcomes are not known, and some of these
// operations take effect late or never. An app fails at half of the
// deliveries of STOP whose outcome is not known.
func simulate(random *rand.Rand, hasApp bool) history.History {
	var all []moment
	now, sids := time.Duration(0), 0
	some := func(longest time.Duration) time.Duration { return time.Duration(random.Int64N(int64(longest))) }
	for range 3 + random.IntN(12) {
		if now += some(time.Second); random.IntN(12) == 0 {
			now += some(20 * time.Second)
		}
		o := history.Op{Kind: history.Deliver, Call: now, Return: history.Never}
		switch random.IntN(10) {
		case 0:
			o.Kind = history.End
		case 1, 2:
			o.SID = fmt.Sprint("M", random.IntN(sids+1))
		default:
			sids++
			o.SID = fmt.Sprint("M", sids)
		}
		o.IsStop = o.Kind == history.Deliver && len(o.SID) == 2 && o.SID[1]%4 == 3
		m := moment{o, now + some(3*time.Second)}
		if random.IntN(4) > 0 {
			m.Return = m.at + some(2*time.Second)
		} else if m.at += some(10 * time.Second); random.IntN(3) == 0 {
			m.at = history.Never
		}
		all = append(all, m)
	}
	read := now + some(5*time.Second)
	all = append(all, moment{history.Op{Kind: history.Read, Call: read, Return: read + some(time.Second)}, read})
	slices.SortFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	h := history.History{From: "+15550000001"}
	var s session
	for _, m := range all {
		o := m.Op
		switch {
		case m.at == history.Never:
		case hasApp && o.IsStop && !o.IsKnown() && random.IntN(2) == 0:
			s.fail(o.SID, m.at)
		default:
			o = s.apply(o, m.at)
		}
		if !o.IsKnown() {
			o = o.Unknown()
		}
		h.Ops = append(h.Ops, o)
	}
	return h
}

// TestSound checks histories of a session that makes no mistake. Then it changes one answer in each, which must not
// stay unnoticed in most of them.
func TestSound(t *testing.T) {
	const histories = 300
	caught, changed, open := 0, 0, 0
	for seed := range uint64(histories) {
		random := rand.New(rand.NewPCG(seed, 0))
		o := tenSeconds()
		o.App = seed%2 == 1
		h := simulate(random, o.App)
		v := Check(h, o)
		if len(v.Violations) > 0 {
			one := v.Violations[0]
			t.Fatalf("seed %d: %s: %s\n%s\n%s", seed, one.Kind, one.Text, one.Ops, h)
		}
		if v.Undecided {
			open++
		}
		i := slices.IndexFunc(h.Ops, func(o history.Op) bool {
			return o.Kind == history.Deliver && o.IsKnown() && !o.IsStop && random.IntN(3) == 0
		})
		if i < 0 {
			continue
		}
		changed++
		n, _ := history.Number(h.Ops[i].Reply)
		h.Ops[i].Reply = webhooktest.Greeting(n + 1 + random.IntN(2))
		o.Patience = time.Second / 50 // the direct checks alone notice most
		if c := newConversation(h, o); len(c.direct()) > 0 || linearizable(c, c.ops) == illegal {
			caught++
		}
	}
	t.Logf("%d of %d wrong answers were noticed; %d histories stay undecided", caught, changed, open)
	if caught < changed/2 || open > histories/100 {
		t.Error("the checks are too weak")
	}
}
