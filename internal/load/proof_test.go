package load

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smsession/internal/phone"
)

// answeredWith returns a message that was sent in a round and answered with a count in the same or a later one.
func answeredWith(sent, count, answered int32) message {
	return message{sent: sent, count: count, answered: answered}
}

// unanswered returns a message that got no answer.
func unanswered(sent int32) message { return message{sent: sent} }

func TestProof(t *testing.T) {
	rows := []struct {
		name     string
		messages []message
		recounts []recount
		want     map[Kind]int
	}{
		{name: "messages one after the other are counted from 1", want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2), answeredWith(3, 3, 3)}},
		{name: "the messages of a burst are counted in any order", want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 4, 2), answeredWith(2, 2, 2),
				answeredWith(2, 3, 2), answeredWith(3, 5, 3)}},
		{name: "two messages got the same count", want: map[Kind]int{LostUpdate: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2), answeredWith(2, 2, 2),
				answeredWith(3, 3, 3)}},
		{name: "three messages got the same count", want: map[Kind]int{LostUpdate: 2},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2), answeredWith(2, 2, 2),
				answeredWith(2, 2, 2)}},
		{name: "two messages both got the count 1", want: map[Kind]int{ForkedSession: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(1, 1, 1), answeredWith(2, 2, 2)}},
		{name: "the count began again at 1", want: map[Kind]int{ForkedSession: 1, LostUpdate: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2), answeredWith(3, 1, 3),
				answeredWith(4, 2, 4)}},
		{name: "a repeat was counted", want: map[Kind]int{CountedTwice: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2),
				answeredWith(3, 4, 3)}, recounts: []recount{{message: 1, count: 3}}},
		{name: "a repeat was answered with the count of another message", want: map[Kind]int{CountedTwice: 1},
			messages: []message{answeredWith(1, 1, 1),
				answeredWith(2, 2, 2)}, recounts: []recount{{message: 0, count: 2}}},
		{name: "a count went to no message", want: map[Kind]int{SkippedCount: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 3, 2)}},
		{name: "the first message was not the first", want: map[Kind]int{SkippedCount: 1},
			messages: []message{answeredWith(1, 2, 1), answeredWith(2, 3, 2)}},
		{name: "a count may have gone to a message that got no answer", want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), unanswered(2), answeredWith(3, 3, 3)}},
		{name: "a message that got no answer may not have been counted", want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), unanswered(2), answeredWith(3, 2, 3)}},
		{name: "a message that got no answer may be counted late", want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), unanswered(2), answeredWith(3, 2, 3), answeredWith(4, 4, 4)}},
		{name: "one message without an answer does not explain two counts", want: map[Kind]int{SkippedCount: 1},
			messages: []message{answeredWith(1, 1, 1), unanswered(2), answeredWith(3, 4, 3)}},
		{name: "one message without an answer does not explain two separate counts", want: map[Kind]int{SkippedCount: 1},
			messages: []message{answeredWith(1, 1, 1), unanswered(2), answeredWith(3, 3, 3), answeredWith(4, 5, 4)}},
		{name: "a message without an answer that was sent later does not explain a count", want: map[Kind]int{WentBack: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 3, 2), unanswered(3)}},
		{name: "a lost update does not explain a skipped count", want: map[Kind]int{SkippedCount: 1, LostUpdate: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 3, 2), answeredWith(3, 3, 3)}},
		{name: "a later message got a lower count", want: map[Kind]int{WentBack: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 3, 2), answeredWith(3, 2, 3)}},
		{name: "a message whose first delivery got no answer may be counted by a later one",
			want: map[Kind]int{},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 3, 4), answeredWith(3, 2, 3),
				answeredWith(4, 4, 4)}},
		{name: "a message whose first delivery got no answer is not counted after the answer to a later one",
			want: map[Kind]int{WentBack: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 4, 3), answeredWith(3, 2, 3),
				answeredWith(4, 3, 4)}},
		{name: "a count is far too high", want: map[Kind]int{SkippedCount: 1},
			messages: []message{answeredWith(1, 1, 1), answeredWith(2, 2147483647, 2)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := examined(row.messages, row.recounts)
			if !maps.Equal(p.Found, row.want) || p.Holds != (len(row.want) == 0) {
				t.Errorf("holds %t, found %v: %v", p.Holds, p.Found, p.Violations)
			}
		})
	}
}

func examined(messages []message, recounts []recount) *Proof {
	p := newProof(expects(ExpectCount))
	c := newConversation("+999000000000000", nil, expects(ExpectCount))
	c.messages, c.recounts = messages, recounts
	p.examine(c)
	return p
}

// The proof is compared with its definition, which is a search of every order of every subset of the messages.
func TestProofIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.Custom(anyHistory).Draw(t, "messages")
		if holds, can := examined(messages, nil).Holds, explicable(messages, nil, 0); holds != can {
			t.Fatalf("the proof holds: %t, an order exists: %t", holds, can)
		}
	})
}

// anyHistory returns answers that a correct server can give. Sometimes it replaces a count by a wrong one.
func anyHistory(t *rapid.T) []message {
	type effective struct {
		message
		effect int32 // the round in which it took effect
	}
	var all []effective
	round := int32(1)
	for range rapid.IntRange(0, 6).Draw(t, "n") {
		round += rapid.Int32Range(0, 2).Draw(t, "later")
		effect := round + rapid.Int32Range(0, 3).Draw(t, "takes effect after")
		answered := effect + rapid.Int32Range(0, 1).Draw(t, "answered after")
		all = append(all, effective{message{sent: round, answered: answered}, effect})
	}
	all = rapid.Permutation(all).Draw(t, "order")
	slices.SortStableFunc(all, func(a, b effective) int { return cmp.Compare(a.effect, b.effect) })
	messages := make([]message, len(all))
	for i, m := range all {
		m.count = int32(i + 1)
		switch rapid.IntRange(0, 9).Draw(t, "fate") {
		case 0, 1, 2:
			m.count, m.answered = 0, 0
		case 3:
			m.count = rapid.Int32Range(1, 7).Draw(t, "wrong")
		}
		messages[i] = m.message
	}
	slices.SortStableFunc(messages, func(a, b message) int { return cmp.Compare(a.sent, b.sent) })
	return messages
}

// explicable reports whether an order exists that makes every answer true and begins with the messages in before. round
// is the round in which the last of them took effect.
func explicable(messages []message, before []int, round int32) bool {
	done := map[int]bool{}
	for _, i := range before {
		done[i] = true
	}
	open := false
	for i, m := range messages {
		if done[i] {
			continue
		}
		open = open || m.count > 0
		at := max(round, m.sent)
		if m.count > 0 && (int(m.count) != len(before)+1 || at > m.answered) {
			continue
		}
		if explicable(messages, append(before[:len(before):len(before)], i), at) {
			return true
		}
	}
	return !open
}

func TestAnAnswerWithoutACount(t *testing.T) {
	c := newConversation("+999000000000000", nil, expects(ExpectCount))
	p := newProof(expects(ExpectCount))
	c.begin(1, 1)
	c.record(0, &phone.Delivery{Replies: []phone.Reply{{Body: "Sorry\x1b[2J" + strings.Repeat("!", 100)}}})
	p.examine(c)
	p.conclude()
	want := c.sids.of(0) + ` was answered "Sorry\x1b[2J` + strings.Repeat("!", 60-len("Sorry\x1b[2J")) + `"`
	if p.Holds || p.Found[NoCount] != 1 || p.Violations[0].Text != want {
		t.Errorf("found %v: %v", p.Found, p.Violations)
	}
}

func TestOnlyTheFirstTenAreListed(t *testing.T) {
	c := newConversation("+999000000000000", nil, expects(ExpectCount))
	for round := range int32(1000) {
		c.messages = append(c.messages, answeredWith(round+1, 1, round+1))
	}
	p := newProof(expects(ExpectCount))
	p.examine(c)
	if len(p.Violations) != 10 || p.Found[ForkedSession] != 999 {
		t.Errorf("%d listed, %v found", len(p.Violations), p.Found)
	}
}
