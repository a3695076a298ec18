package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/inspect"
	"smsession/internal/redispool"
)

// write puts a conversation of count messages into Redis. began and written are seconds after the beginning of the
// hour. If count is 0, the conversation has ended.
func (b bench) write(from string, count, began, written int) {
	b.Helper()
	clock := func(s int) string {
		return time.Now().UTC().Truncate(time.Hour).Add(time.Duration(s) * time.Second).Format(time.RFC3339)
	}
	b.do("SET", "sms:conversation:"+to+":"+from, tokenOf(from))
	ended := ""
	if count == 0 {
		ended = `,"ended":"` + clock(written) + `"`
	}
	b.do("SET", "sms:session:"+tokenOf(from), fmt.Sprintf(`{"version":1,"counter":%d,"from":%q,"to":%q,"began":%q,"written":%q,"deadline":%q%s,"messages":""}`,
		count, from, to, clock(began), clock(written), time.Now().UTC().Add(time.Hour).Format(time.RFC3339), ended))
}

// poll returns the events of a poll in words, sorted by the sender.
func (b bench) poll(w *inspect.Watch) string {
	b.Helper()
	events, err := w.Poll(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var seen []string
	for _, e := range events {
		seen = append(seen, fmt.Sprintf("%s %s %d", e.From, e.Kind, e.Count))
	}
	slices.SortStableFunc(seen, func(x, y string) int { return strings.Compare(x[:2], y[:2]) })
	return strings.Join(seen, ", ")
}

func (b bench) expect(w *inspect.Watch, what, want string) {
	b.Helper()
	if got := b.poll(w); got != want {
		b.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestPoll(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.write("+1", 5, 0, 10)
		b.write("+2", 0, 0, 10)
		b.expect(w, "the first poll", "")
		b.expect(w, "nothing happens", "")
		b.write("+1", 7, 0, 20)
		b.write("+3", 1, 20, 20)
		b.write("+2", 2, 20, 21)
		b.expect(w, "two messages, and two beginnings", "+1 continued 7, +2 began 2, +3 began 1")
		b.write("+1", 0, 0, 30)
		b.write("+2", 1, 30, 30)
		b.do("DEL", "sms:conversation:"+to+":+3")
		b.expect(w, "a conversation ends, another ends and begins, and a third expires",
			"+1 ended 7, +2 ended 2, +2 began 1, +3 gone 1")
		b.write("+1", 1, 40, 40)
		b.expect(w, "an ended conversation begins", "+1 began 1")
		if len(w.Rows) != 2 || w.More != 0 || w.Rows[0].From != "+1" || w.Rows[1].From != "+2" {
			b.Errorf("it remembers %+v", w.Rows)
		}
	})
}

func TestPollRemembersTheLatest(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 2}
		for i := 1; i <= 5; i++ {
			b.write(fmt.Sprintf("+%d", i), i, 0, i)
		}
		b.expect(w, "the first poll", "")
		if len(w.Rows) != 2 || w.More != 3 || w.Rows[0].From != "+5" || w.Rows[1].From != "+4" {
			b.Fatalf("it remembers %+v and %d more", w.Rows, w.More)
		}
		b.write("+1", 2, 0, 10)
		b.expect(w, "a conversation that is not remembered continues", "+1 continued 2")
		b.write("+6", 1, 20, 20)
		b.expect(w, "a conversation begins", "+6 began 1")
		b.do("DEL", "sms:conversation:"+to+":+2")
		b.expect(w, "a conversation that is not remembered is gone", "")
		b.do("DEL", "sms:conversation:"+to+":+6")
		b.expect(w, "a remembered conversation is gone, and another takes its place", "+6 gone 1")
		b.expect(w, "nothing happens", "")
		b.write("+7", 1, 10, 11)
		b.expect(w, "a conversation begins in the second of the last message", "+7 began 1")
	})
}

func TestPollThatFailsChangesNothing(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.write("+1", 1, 0, 0)
		b.expect(w, "the first poll", "")
		b.write("+1", 2, 0, 1)
		ended, cancel := context.WithCancel(b.Context())
		cancel()
		if events, err := w.Poll(ended); err == nil || len(events) > 0 {
			b.Errorf("got %+v, %v", events, err)
		}
		b.expect(w, "the next poll", "+1 continued 2")
	})
}

// viewFunc is a View.
type viewFunc func(events []inspect.Event, failure error) error

func (f viewFunc) Show(_ *inspect.Watch, events []inspect.Event, failure error) error {
	return f(events, failure)
}

// TestRunPausesAfterEachPoll uses polls that take longer than the pause. The service needs Redis between them.
func TestRunPausesAfterEachPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, poll = time.Second, 2500 * time.Millisecond
		away := func(context.Context) (redis.Conn, error) {
			time.Sleep(poll)
			return nil, errors.New("away")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		var ends []time.Duration
		watch := &inspect.Watch{Source: inspect.Source{Pool: &redispool.Pool{Pool: &redis.Pool{DialContext: away}}},
			Limit: 1}
		err := watch.Run(ctx, every, viewFunc(func(events []inspect.Event, failure error) error {
			if failure == nil || !strings.Contains(failure.Error(), "away") || len(events) > 0 {
				t.Errorf("the view gets %+v, %v", events, failure)
			}
			if ends = append(ends, time.Since(began)); len(ends) == 3 {
				cancel()
			}
			return nil
		}))
		want := []time.Duration{every + poll, 2 * (every + poll), 3 * (every + poll)}
		if !errors.Is(err, context.Canceled) || !slices.Equal(ends, want) {
			t.Errorf("%v: polls ended after %v, want %v", err, ends, want)
		}
	})
}

func TestRunEnds(t *testing.T) {
	each(t, func(b bench) {
		b.write("+1", 1, 0, 0)
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.expect(w, "the first poll", "")
		b.write("+1", 2, 0, 1)
		var got []inspect.Event
		view := viewFunc(func(events []inspect.Event, _ error) error {
			got = events
			return errors.New("the reader is gone")
		})
		if err := w.Run(b.Context(), time.Millisecond, view); err == nil || err.Error() != "the reader is gone" ||
			len(got) != 1 || got[0].Kind != inspect.Continued {
			b.Errorf("after an error of the view: %v, %+v", err, got)
		}
		w.Source.Pool = &redispool.Pool{Pool: &redis.Pool{DialContext: func(context.Context) (redis.Conn, error) {
			return nil, redis.Error("NOPERM this user has no permissions")
		}}}
		if err := w.Run(b.Context(), time.Millisecond, view); err == nil || !redispool.Refused(err) {
			b.Errorf("after a refusal of Redis: %v", err)
		}
	})
}

func TestStream(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.Local)
	e := inspect.Event{At: at, Kind: inspect.Continued, Conversation: inspect.Conversation{
		To: to, From: from, Count: 3, Began: at.Add(-time.Hour), Written: at.Add(-time.Second), Left: 4 * time.Hour}}
	newer := inspect.Event{At: at, Kind: inspect.Began,
		Conversation: inspect.Conversation{To: to, From: from, Opaque: true}}
	var text, object strings.Builder
	if err := errors.Join((&inspect.Stream{Printer: inspect.Printer{Out: &text}}).Show(nil, []inspect.Event{e, newer},
		nil), (&inspect.Stream{Printer: inspect.Printer{Out: &object, JSON: true}}).Show(
		nil, []inspect.Event{e}, nil)); err != nil {
		t.Fatal(err)
	}
	want := "08:00:00 continued +1202•••0143          +1500•••0006                3\n" +
		"08:00:00 began     +1202•••0143          +1500•••0006                ?\n"
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	for _, want := range []string{`"event":"continued"`, `"from":"+1202•••0143"`, `"count":3`, `"left_seconds":14400`,
		`"at":"2026-11-23T`} {
		if !strings.Contains(object.String(), want) || !json.Valid([]byte(object.String())) {
			t.Errorf("no %s in %s", want, object.String())
		}
	}
}

func TestStreamWarnsOnceOfAFailure(t *testing.T) {
	var warnings []string
	s := &inspect.Stream{Warn: func(failure error) { warnings = append(warnings, failure.Error()) }}
	for _, failure := range []error{nil, errors.New("one"), errors.New("two"), nil, errors.New("three")} {
		if err := s.Show(nil, nil, failure); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(warnings, []string{"one", "three"}) {
		t.Errorf("got %q", warnings)
	}
}
