package inspect_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/session/record"
)

// show returns the text about the sender's conversation with a number, or with all numbers.
func (b bench) show(to string) string {
	b.Helper()
	found, err := b.source().Find(b.Context(), inspect.Filter{To: to, From: []string{from}})
	if err != nil && !errors.Is(err, inspect.ErrUnknown) {
		b.Fatal(err)
	}
	var out strings.Builder
	if err := (&inspect.Printer{Out: &out, Typed: []string{from}}).Show(found); err != nil {
		b.Fatal(err)
	}
	return out.String()
}

func TestSnapshotAsText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still
		began := time.Now().UTC().Add(-2*time.Hour - time.Minute)
		stamp := func(d time.Duration) string { return began.Add(d).Format("2006-01-02T15:04:05Z") }
		s := inspect.Snapshot{
			To: to, From: from, Pointer: inspect.Value{Text: []byte(token), TTL: 3 * time.Hour},
			Record: inspect.Value{Size: 262_000, TTL: inspect.Forever,
				Text: []byte(`{"version":1,"counter":10,"from":"` + from + `","to":"` + to + `","began":"` + stamp(0) +
					`","written":"` + stamp(2*time.Hour) +
					`","deadline":"` + stamp(720*time.Hour) + `","messages":"SM1=1 SM2=2 SM3=3 SM4=4 SM5=5 SM6=6 SM7=7 SM8=8 SM9=9+ SM10=10"}`)},
		}
		utc := func(d time.Duration) string { return began.Add(d).Format("2006-01-02 15:04:05 UTC") }
		want := `+12025550143 to +1500•••0006
  state     live
  began     ` + utc(0) + `, 2h01m ago
  counter   10
  written   ` + utc(2*time.Hour) + `, 1m00s ago
  deadline  ` + utc(720*time.Hour) + `, in 29d21h, messages do not extend it
  messages  SM3=3
            SM4=4
            SM5=5
            SM6=6
            SM7=7
            SM8=8
            SM9=9
            SM10=10
  record    does not expire, 262000 bytes, token begins Zm9ydH
  pointer   expires in 3h00m, leads to the record
`
		var out strings.Builder
		if err := (&inspect.Printer{Out: &out, Typed: []string{from}}).Show([]inspect.Snapshot{s}); err != nil ||
			out.String() != want {
			t.Errorf("%v, got\n%s\nwant\n%s", err, out.String(), want)
		}
		if strings.Contains(out.String(), token) {
			t.Error("the whole token is shown")
		}
	})
}

func TestSnapshotNamesTheState(t *testing.T) {
	now := time.Now()
	rows := []struct {
		name, want string
		set        func(b bench)
	}{
		{"the conversation was ended", "ended;", func(b bench) { b.put(to, from, 0, `,"ended":"`+now.UTC().Format(time.RFC3339)+`"`) }},
		{"the conversation is past its deadline", "past its deadline", func(b bench) {
			b.put(to, from, 1, "")
			b.do("SET", "sms:session:"+tokenOf(from), at(to, from, 1, 1, now.Add(-25*time.Hour), ""))
		}},
		{"the record is missing", "leads to no record; the next message begins a new conversation\n", func(b bench) { b.do("SET", pointer, token) }},
		{"the record is of another type", "leads to no record", func(b bench) { b.do("SET", pointer, token); b.do("RPUSH", recordKey, "x") }},
		{"the pointer contains no token", "contains no token; the next message begins a new conversation, unless it carries the cookie of a record\n", func(b bench) { b.do("SET", pointer, "\x1b[2J") }},
		{"the record cannot be read", "cannot be read", func(b bench) { b.do("SET", pointer, token); b.do("SET", recordKey, "\x1b[2J") }},
		{"the record belongs to another conversation", "the record of another conversation", func(b bench) {
			b.do("SET", pointer, token)
			b.do("SET", recordKey, at(to, "+19998887777", 1, 1, now, ""))
		}},
		{"the record is of a later version", "of a later version", func(b bench) {
			b.do("SET", pointer, token)
			b.do("SET", recordKey, at(to, from, 2, 1, now, ""))
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(b bench) {
				row.set(b)
				got := b.show("")
				state := strings.SplitAfter(got, "\n")[1]
				if !strings.HasPrefix(state, "  state     ") || !strings.Contains(state, row.want) ||
					strings.Contains(got, "\x1b") || strings.Contains(got, "8887777") {
					b.Errorf("got\n%s", got)
				}
			})
		})
	}
}

// both selects one conversation, and bySender all conversations of its sender.
var (
	both     = inspect.Filter{To: to, From: []string{from}}
	bySender = inspect.Filter{From: []string{from}}
)

func TestFind(t *testing.T) {
	each(t, func(b bench) {
		for _, number := range []string{other, to, "+15005550001"} {
			b.put(number, from, 1, "")
		}
		b.put(to, from+"0", 1, "")
		found, err := b.source().Find(b.Context(), bySender)
		if err != nil || len(found) != 3 || found[0].To != "+15005550001" || found[1].To != to || found[2].To != other {
			b.Errorf("got %+v, %v", found, err)
		}
		one := found[1]
		if one.From != from || string(one.Pointer.Text) != tokenOf(from) || upToMinutes(one.Pointer.TTL) != time.Hour ||
			upToMinutes(one.Record.TTL) != time.Hour ||
			one.Record.Size != int64(len(one.Record.Text)) ||
			!strings.Contains(string(one.Record.Text), `"counter":1`) {
			b.Errorf("got %+v", one)
		}
		if with, err := b.source().Find(b.Context(), both); err != nil || len(with) != 1 ||
			string(with[0].Pointer.Text) != tokenOf(from) || b.show(to) == "" || b.show("+1") != "" {
			b.Errorf("with the number, got %+v, %v", with, err)
		}
		wild := inspect.Filter{From: []string{"+1*"}}
		found, err = b.source().Find(b.Context(), wild)
		if !errors.Is(err, inspect.ErrUnknown) || len(found) != 0 {
			b.Errorf("got %+v, %v", found, err)
		}
	})
}

func TestFindReturnsAtMost400(t *testing.T) {
	each(t, func(b bench) {
		for i := range 401 {
			if i == 400 {
				if found, err := b.source().Find(b.Context(), bySender); err != nil || len(found) != 400 {
					b.Errorf("%d of 400 are found, %v", len(found), err)
				}
			}
			b.do("SET", fmt.Sprintf("sms:conversation:+1500555%04d:%s", i, from), token)
		}
		if _, err := b.source().Find(b.Context(), bySender); err == nil ||
			!strings.Contains(err.Error(), "more than 400 conversations: name one of our numbers with --to") {
			b.Errorf("with 401: %v", err)
		}
	})
}

// TestSnapshotAsJSON checks that the record is unchanged, or left out if it belongs to another conversation. A value
// that is not a record is left out, because it may be a damaged record.
func TestSnapshotAsJSON(t *testing.T) {
	for text, want := range map[string]string{
		at(to, from, 1, 3, time.Now(), ""):           "same",
		at(to, from, 2, 3, time.Now(), ""):           "same", // a later version
		"\x1b[2J":                                    "",
		at(to, "+19998887777", 1, 3, time.Now(), ""): "",
	} {
		if want == "same" {
			want = text + "\n"
		}
		var out strings.Builder
		s := inspect.Snapshot{To: to, From: from, Pointer: inspect.Value{Text: []byte(token)},
			Record: inspect.Value{Text: []byte(text), Size: int64(len(text))}}
		if err := (&inspect.Printer{Out: &out, JSON: true}).Show([]inspect.Snapshot{s}); err != nil ||
			out.String() != want {
			t.Errorf("%q: got %q, %v", text, out.String(), err)
		}
	}
	var out strings.Builder
	if err := (&inspect.Printer{Out: &out, JSON: true}).Show(
		[]inspect.Snapshot{{To: to, From: from, Pointer: inspect.Value{Text: []byte(token)}}}); err != nil ||
		out.String() != "" {
		t.Errorf("without a record: got %q, %v", out.String(), err)
	}
}

// TestAValueThatIsTooLarge checks that Redis never sends a value that is too large.
func TestAValueThatIsTooLarge(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	conn := redistest.Conn(t, server.Addr())
	pool := redispool.Open(redispool.Options{
		URL: redisurl.URL{Addrs: []string{server.Addr()}}, Timeout: time.Minute,
	})
	defer pool.Close()
	source := inspect.Source{Pool: pool, Keys: record.Keys{Prefix: "sms:"}}
	const pointer = "sms:conversation:+15005550006:+12025550143"
	token := strings.Repeat("a", 43)
	for _, row := range []struct {
		name, huge string
		want       string // the state that show prints
	}{
		{"a record of 5 MB", "sms:session:" + token, "the record is too large"},
		{"a pointer of 5 MB", pointer, "the pointer contains no token"},
	} {
		t.Run(row.name+" is not read", func(t *testing.T) {
			for _, command := range [][]any{{"FLUSHALL"}, {"SET", pointer, token},
				{"SETRANGE", row.huge, 5_000_000, "x"}, {"CONFIG", "RESETSTAT"}} {
				if _, err := conn.Do(command[0].(string), command[1:]...); err != nil {
					t.Fatal(err)
				}
			}
			found, err := source.Find(t.Context(), both)
			if err != nil || len(found) != 1 {
				t.Fatalf("got %v, %v", found, err)
			}
			var shown strings.Builder
			_ = (&inspect.Printer{Out: &shown}).Show(found)
			if !strings.Contains(shown.String(), row.want) || found[0].Record.Text != nil {
				t.Errorf("the text is\n%s\nwant %q", shown.String(), row.want)
			}
			listed := 0
			err = source.List(t.Context(), inspect.Filter{}, "", 0, func(found []inspect.Conversation) error {
				listed += len(found)
				return nil
			})
			if err != nil || listed != 0 {
				t.Errorf("%d are listed, %v", listed, err)
			}
			stats, err := redis.String(conn.Do("INFO", "stats"))
			if err != nil {
				t.Fatal(err)
			}
			var sent int
			_, after, _ := strings.Cut(stats, "total_net_output_bytes:")
			if _, err := fmt.Sscan(after, &sent); err != nil || sent > 100_000 {
				t.Errorf("Redis has sent %d bytes, %v", sent, err)
			}
		})
	}
}
