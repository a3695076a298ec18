package check

import (
	"hash/maphash"
	"slices"

	"github.com/anishathalye/porcupine"

	"smsession/internal/chaostest/history"
	"smsession/internal/webhooktest"
)

// result is the result of the search for an order.
type result string

const (
	legal     result = "legal"
	illegal   result = "illegal"
	undecided result = "undecided"
)

// state is a session in the model. It can be compared with ==.
type state struct {
	numbers string // for each MessageSid one byte: its number plus one, or 0 if it was not counted
	number  int
	exists  bool
	ended   bool
	known   int // how many operations with a known outcome took place
}

// unobserved is the byte of a counted message whose number nobody has seen.
const unobserved = 255

// step is an operation of the model.
type step struct {
	history.Op
	message int // the index of the MessageSid
	expiry  *expiry
	fails   bool // the app fails at a delivery of STOP, or does not
}

// linearizable searches for an order of operations that explains all outcomes.
func linearizable(c *conversation, ops []history.Op) result {
	m := &model{conversation: c, indexes: map[string]int{}, observed: map[int]int{}}
	operations := m.operations(ops)
	switch porcupine.CheckOperationsTimeout(m.porcupine(), operations, c.Patience) {
	case porcupine.Ok:
		return legal
	case porcupine.Illegal:
		return illegal
	}
	return undecided
}

// model is the sequential specification of a conversation.
type model struct {
	*conversation
	indexes  map[string]int // of the MessageSids
	observed map[int]int    // the numbers that were seen, by the index of the message
	known    int            // how many operations have a known outcome
}

func (m *model) index(sid string) int {
	if _, isThere := m.indexes[sid]; !isThere {
		m.indexes[sid] = len(m.indexes)
	}
	return m.indexes[sid]
}

// porcupine returns the model for the messages that operations has found.
func (m *model) porcupine() porcupine.Model {
	seed := maphash.MakeSeed()
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{numbers: string(make([]byte, len(m.indexes)))}} },
		Step: func(s, input, _ any) (next []any) {
			for _, one := range m.step(s.(state), input.(step)) {
				next = append(next, one)
			}
			return next
		},
		Hash: func(s any) uint64 { return maphash.Comparable(seed, s.(state)) },
	}
	return nondeterministic.ToModel()
}

// step returns the states that may follow, and none if the outcome cannot be that of the operation.
//
// An operation without an end that changes nothing may take place after all others. It takes place only there, because
// the search would otherwise try it everywhere.
func (m *model) step(s state, o step) (next []state) {
	if o.Return == history.Never {
		if s.known == m.known {
			return []state{s}
		}
		for _, one := range m.effects(s, o) {
			if one != s {
				next = append(next, one)
			}
		}
		return next
	}
	for _, one := range m.effects(s, o) {
		one.known++
		next = append(next, one)
	}
	return next
}

// effects returns the states that may follow an operation that takes effect.
func (m *model) effects(s state, o step) []state {
	empty := state{numbers: string(make([]byte, len(s.numbers))), known: s.known}
	switch {
	case o.expiry != nil && o.expiry.isSure:
		return []state{empty}
	case o.expiry != nil:
		return []state{s, empty}
	case o.fails:
		return m.fail(s, o)
	case o.Kind == history.Deliver:
		return m.deliver(s, o)
	case o.Kind == history.End:
		return end(s, o)
	}
	return m.read(s, o)
}

// deliver counts a message that was not counted before. A repeat has the number of the first delivery.
func (m *model) deliver(s state, o step) []state {
	number := int(s.numbers[o.message]) - 1
	if number < 0 {
		number = s.number + 1
		if o.IsStop {
			number = 0
		}
		numbers := []byte(s.numbers)
		seen, isObserved := m.observed[o.message]
		switch numbers[o.message] = byte(number + 1); {
		case !isObserved:
			numbers[o.message] = unobserved
		case seen != number && len(m.expires) == 0:
			return nil // a session that does not expire gives no other number to the message later
		}
		s.numbers, s.number, s.exists, s.ended = string(numbers), number, true, o.IsStop
	}
	if o.IsKnown() && m.number(o.Op) != number {
		return nil
	}
	return []state{s}
}

// fail ends the session if an app may fail at STOP. An app does not get a STOP that was counted.
func (m *model) fail(s state, o step) []state {
	if s.numbers[o.message] > 0 {
		return []state{s}
	}
	return []state{s, end(s, step{Op: o.Unknown()})[0]}
}

// end ends a session that exists. The messages are remembered.
func end(s state, o step) []state {
	want := history.Ending{Found: s.exists, Before: s.ended, Count: s.number}
	if o.IsKnown() && o.Ended != want {
		return nil
	}
	s.number, s.ended = 0, s.exists
	return []state{s}
}

// read compares the state with the record in Redis. A full record may have forgotten messages.
func (m *model) read(s state, o step) []state {
	if !o.IsKnown() {
		return []state{s}
	}
	if o.Record == nil {
		if s.exists {
			return nil
		}
		return []state{s}
	}
	numbers := make([]byte, len(s.numbers))
	if m.isFull(o.Record) {
		numbers = []byte(s.numbers)
	}
	for _, message := range o.Record.Messages {
		if i, isThere := m.indexes[message.SID]; isThere {
			numbers[i] = byte(message.Number + 1)
		}
	}
	if s != (state{string(numbers), o.Record.Counter, true, o.Record.HasEnded, s.known}) {
		return nil
	}
	return []state{s}
}

// operations returns the operations of the model.
func (m *model) operations(ops []history.Op) (all []porcupine.Operation) {
	add := func(s step) {
		all = append(all, porcupine.Operation{Input: s, Call: int64(s.Call), Return: int64(s.Return)})
		if s.Return != history.Never {
			m.known++
		}
	}
	for _, o := range m.tell(ops) {
		s := step{Op: o}
		if o.Kind == history.Deliver {
			if s.message = m.index(o.SID); o.IsKnown() {
				m.observed[s.message] = m.number(o)
			}
		}
		if o.Record != nil {
			for _, message := range o.Record.Messages {
				m.observed[m.index(message.SID)] = message.Number
			}
		}
		add(s)
	}
	for _, o := range ops {
		if m.App && o.IsStop {
			add(step{Op: o, message: m.index(o.SID), fails: true})
		}
	}
	for _, e := range m.expires {
		add(step{Op: history.Op{Call: e.from, Return: e.to}, expiry: &e})
	}
	return all
}

// tell replaces the deliveries whose outcome only the record tells. If the record has a message that was not answered,
// one of its deliveries counted it before the record was read. If the record does not have the message, its deliveries
// had no effect before that, so they are left out. This is only so if the record was read at the end, and if the
// session cannot have expired before.
func (m *model) tell(ops []history.Op) (some []history.Op) {
	last := len(ops) - 1
	if last < 0 || ops[last].Kind != history.Read || ops[last].Record == nil || len(m.expires) > 0 {
		return ops
	}
	read := ops[last]
	if slices.ContainsFunc(ops[:last], func(o history.Op) bool { return o.IsKnown() && o.Return > read.Call }) {
		return ops
	}
	isAnswered := map[string]bool{}
	for _, o := range ops {
		isAnswered[o.SID] = isAnswered[o.SID] || o.IsKnown()
	}
	for _, o := range ops {
		if o.Kind == history.Deliver && !o.IsKnown() {
			i := slices.IndexFunc(read.Record.Messages, func(r history.Message) bool { return r.SID == o.SID })
			if i < 0 && !m.isFull(read.Record) {
				continue
			}
			if i >= 0 && !isAnswered[o.SID] {
				o = answered(o, read, read.Record.Messages[i].Number)
				isAnswered[o.SID] = true
			}
		}
		some = append(some, o)
	}
	return some
}

// answered returns a delivery as if it had been answered with a number when the record was read.
func answered(o, read history.Op, number int) history.Op {
	if o.Return = read.Return; number > 0 {
		o.Reply = webhooktest.Greeting(number)
	}
	return o
}
