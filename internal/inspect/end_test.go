package inspect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/inspect"
	"smsession/internal/session"
)

func TestEnding(t *testing.T) {
	for _, row := range []struct {
		outcome inspect.Outcome
		count   int64
		want    string
	}{
		{inspect.WasEnded, 3, "ended after 3 messages; the next one begins a new conversation\n"},
		{inspect.WasEnded, 1, "ended after 1 message; the next one begins a new conversation\n"},
		{inspect.EndedBefore, 3, "had ended before; nothing was changed\n"},
		{inspect.Erased, 3, "erased; a late repeat of one of its messages may be counted again\n"},
		{inspect.NotFound, 3, "there is no live session; nothing was changed\n"},
	} {
		var text, object strings.Builder
		e := inspect.Ending{To: to, From: from, Outcome: row.outcome, Count: row.count}
		if err := errors.Join((&inspect.Printer{Out: &text}).Ending(e),
			(&inspect.Printer{Out: &object, JSON: true, Reveal: true}).Ending(e)); err != nil {
			t.Fatal(err)
		}
		if text.String() != "+1202•••0143 to +1500•••0006: "+row.want ||
			!strings.HasPrefix(object.String(),
				`{"from":"+12025550143","to":"+15005550006","what":"`+string(row.outcome)+`"`) {
			t.Errorf("got %q, %q", text.String(), object.String())
		}
	}
}

func TestEndAndErase(t *testing.T) {
	each(t, func(b bench) {
		b.put(to, from, 7, "")
		for i, step := range []struct {
			erase bool
			want  inspect.Ending
		}{
			{false, inspect.Ending{To: to, From: from, Outcome: inspect.WasEnded, Count: 7}},
			{false, inspect.Ending{To: to, From: from, Outcome: inspect.EndedBefore}},
			{true, inspect.Ending{To: to, From: from, Outcome: inspect.Erased}},
			{true, inspect.Ending{To: to, From: from, Outcome: inspect.NotFound}},
			{false, inspect.Ending{To: to, From: from, Outcome: inspect.NotFound}},
		} {
			if got, err := b.source().End(b.Context(), to, from, step.erase); err != nil || got != step.want {
				b.Errorf("step %d: got %+v, %v, want %+v", i+1, got, err, step.want)
			}
		}
	})
}

func TestEndAll(t *testing.T) {
	senders := []string{"+12025550101", "+12025550102", "+12025550103"}
	var list []inspect.Conversation
	for _, sender := range senders {
		list = append(list, inspect.Conversation{To: to, From: sender})
	}
	each(t, func(b bench) {
		b.put(to, senders[0], 1, "")
		b.put(to, senders[1], 2, "")
		b.do("SET", "sms:session:"+tokenOf(senders[1]), at(to, senders[1], 2, 2, time.Now(), ""))
		b.put(to, senders[2], 3, "")
		printer := errors.New("the output is closed")
		for _, row := range []struct {
			name string
			list []inspect.Conversation
			err  error // of visit
			want []string
			is   error
		}{
			{"a record of a later version does not stop it", list, nil,
				[]string{senders[0] + " ended", senders[2] + " ended"}, session.ErrNewer},
			{"an error of visit does not stop it", []inspect.Conversation{list[0], list[2]}, printer,
				[]string{senders[0] + " ended before", senders[2] + " ended before"}, printer},
		} {
			b.Run(row.name, func(t *testing.T) {
				var got []string
				err := b.source().EndAll(t.Context(), row.list, false, func(e inspect.Ending) error {
					got = append(got, fmt.Sprint(e.From, " ", e.Outcome))
					return row.err
				})
				if !slices.Equal(got, row.want) || !errors.Is(err, row.is) {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		b.Run("an error of Redis stops it", func(t *testing.T) {
			visited := 0
			err := b.source().EndAll(t.Context(), []inspect.Conversation{list[0], list[2], list[0]}, false,
				func(inspect.Ending) error {
					visited++
					return b.pool.Close() // Redis cannot be reached any more
				})
			if err == nil || !strings.HasPrefix(err.Error(), "after 1 of 3 conversations: ") || visited != 1 {
				t.Errorf("%v, after %d results", err, visited)
			}
		})
	})
}
