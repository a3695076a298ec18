package inspect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"smsession/internal/inspect"
)

// say puts a conversation into Redis: how many messages it has, when it began and when the last one was counted, both in
// seconds of a clock that the test moves.
func (b bench) say(from string, count, began, written int) {
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

// look is what a watch emits, in words.
func (b bench) look(w *inspect.Watch) string {
	b.Helper()
	var seen []string
	err := w.Look(b.Context(), func(e inspect.Event) error {
		seen = append(seen, fmt.Sprintf("%s %s %d", e.From, e.What, e.Count))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	slices.SortStableFunc(seen, func(x, y string) int { return strings.Compare(x[:2], y[:2]) })
	return strings.Join(seen, ", ")
}

func (b bench) expect(w *inspect.Watch, what, want string) {
	b.Helper()
	if got := b.look(w); got != want {
		b.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestAWatchSeesConversationsBeginSpeakAndEnd(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.say("+1", 5, 0, 10)
		b.say("+2", 0, 0, 10)
		b.expect(w, "the first look", "")
		b.expect(w, "nothing happens", "")
		b.say("+1", 7, 0, 20)
		b.say("+3", 1, 20, 20)
		b.say("+2", 2, 20, 21)
		b.expect(w, "two messages, and two beginnings", "+1 spoke 7, +2 began 2, +3 began 1")
		b.say("+1", 0, 0, 30)
		b.say("+2", 1, 30, 30)
		b.do("DEL", "sms:conversation:"+to+":+3")
		b.expect(w, "an end, an end and a beginning, and one that expires", "+1 ended 7, +2 ended 2, +2 began 1, +3 gone 1")
		b.say("+1", 1, 40, 40)
		b.expect(w, "an ended one begins anew", "+1 began 1")
		if len(w.Rows) != 2 || w.More != 0 || w.Rows[0].From != "+1" || w.Rows[1].From != "+2" {
			b.Errorf("it knows %+v", w.Rows)
		}
	})
}

func TestAWatchRemembersThoseWhoSpokeLast(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 2}
		for i := 1; i <= 5; i++ {
			b.say(fmt.Sprintf("+%d", i), i, 0, i)
		}
		b.expect(w, "the first look", "")
		if len(w.Rows) != 2 || w.More != 3 || w.Rows[0].From != "+5" || w.Rows[1].From != "+4" {
			b.Fatalf("it knows %+v and %d more", w.Rows, w.More)
		}
		b.say("+1", 2, 0, 10)
		b.expect(w, "one that was left out speaks", "+1 spoke 2")
		b.say("+6", 1, 20, 20)
		b.expect(w, "one begins", "+6 began 1")
		b.do("DEL", "sms:conversation:"+to+":+2")
		b.expect(w, "one that was left out goes", "")
		b.do("DEL", "sms:conversation:"+to+":+6")
		b.expect(w, "one that was known goes, and its place is taken", "+6 gone 1")
		b.expect(w, "nothing happens", "")
	})
}

func TestAWatchThatFailsHasNotLooked(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.say("+1", 1, 0, 0)
		b.expect(w, "the first look", "")
		b.say("+1", 2, 0, 1)
		broken := errors.New("nobody listens")
		if err := w.Look(b.Context(), func(inspect.Event) error { return broken }); !errors.Is(err, broken) {
			b.Errorf("got %v", err)
		}
		b.expect(w, "the look after it", "+1 spoke 2")
	})
}

func TestAFrameFitsTheScreen(t *testing.T) {
	each(t, func(b bench) {
		for i := range 40 {
			b.say(fmt.Sprintf("+12025550%03d", i), 1, 0, i)
		}
		w := &inspect.Watch{Source: b.source(), Limit: 30}
		b.look(w)
		screen := &inspect.Screen{Title: "conversations"}
		for range 20 {
			screen.Note(inspect.Event{What: inspect.Began, Conversation: w.Rows[1]})
		}
		for _, size := range []inspect.Size{{Lines: 24, Columns: 80}, {Lines: 5, Columns: 10}, {Lines: 1, Columns: 1}, {Lines: 3, Columns: 200}, {Lines: 100, Columns: 40}, {}} {
			frame := screen.Frame(w, "! trouble", size, time.Now())
			lines := strings.Split(frame, "\r\n")
			if len(lines) > max(size.Lines, 1) {
				b.Errorf("%+v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				for _, sequence := range []string{"\x1b[H", "\x1b[K", "\x1b[J"} {
					line = strings.ReplaceAll(line, sequence, "")
				}
				if utf8.RuneCountInString(line) > size.Columns || strings.ContainsAny(line, "\x1b\n") {
					b.Errorf("%+v: %q", size, line)
				}
			}
		}
		frame := screen.Frame(w, "! trouble", inspect.Size{Lines: 24, Columns: 80}, time.Now())
		for _, want := range []string{"conversations", "COUNT", "+1202•••0039", "and 26 more", "! trouble", " began +1202•••0038"} {
			if !strings.Contains(frame, want) {
				b.Errorf("no %q in %q", want, frame)
			}
		}
	})
}

func TestAnEventIsALineOrJSON(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.Local)
	e := inspect.Event{At: at, What: inspect.Spoke, Conversation: inspect.Conversation{
		To: to, From: from, Count: 3, Began: at.Add(-time.Hour), Written: at.Add(-time.Second), Left: 4 * time.Hour}}
	if got := e.Line(inspect.Names{}); got != "08:00:00 spoke +1202•••0143          +1500•••0006                3" {
		t.Errorf("got %q", got)
	}
	got := string(e.Object(inspect.Names{}))
	for _, want := range []string{`"event":"spoke"`, `"from":"+1202•••0143"`, `"count":3`, `"left_seconds":14400`, `"at":"2026-11-23T`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestAnEndingIsASentenceOrJSON(t *testing.T) {
	for _, row := range []struct{ what, want string }{
		{inspect.Ended, "+1202•••0143 to +1500•••0006: ended after 3 messages; the next one begins anew\n"},
		{inspect.EndedBefore, "+1202•••0143 to +1500•••0006: had ended before; nothing was changed\n"},
		{inspect.Erased, "+1202•••0143 to +1500•••0006: erased; a late repeat of one of its messages may count again\n"},
		{inspect.NothingThere, "+1202•••0143 to +1500•••0006: no session goes on; nothing was changed\n"},
	} {
		var text, object strings.Builder
		e := inspect.Ending{To: to, From: from, What: row.what, Count: 3}
		if err := errors.Join(e.Print(&text, inspect.Names{}, false), e.Print(&object, inspect.Names{Reveal: true}, true)); err != nil {
			t.Fatal(err)
		}
		if text.String() != row.want || !strings.HasPrefix(object.String(), `{"from":"+12025550143","to":"+15005550006","what":"`+row.what+`"`) {
			t.Errorf("got %q, %q", text.String(), object.String())
		}
	}
}
