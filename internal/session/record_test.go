package session

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smsession/internal/conversation"
)

// echo is a conversation whose replies no number recalls: it makes up others.
type echo struct{ times int }

func (e echo) Respond(s conversation.State, m conversation.Message) (conversation.State, conversation.Reply) {
	return conversation.State{Counter: s.Counter + 1}, slices.Repeat(conversation.Reply{m.Body}, e.times)
}

func (echo) Recall(int64) conversation.Reply { return conversation.Reply{"made up"} }

func newRecord(now time.Time) *Record {
	r := &Record{From: "+12025550143", To: "+15005550006"}
	r.begin(now, time.Hour)
	return r
}

// written is the record as another replica reads it.
func written(t *testing.T, r *Record) *Record {
	t.Helper()
	b, err := Codec{}.Encode(r.Deadline, map[string]any{recordKey: r})
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b) {
		t.Fatalf("the record is not JSON: %s", b)
	}
	again, err := parseRecord(b)
	if err != nil {
		t.Fatalf("the record cannot be read: %v: %s", err, b)
	}
	return again
}

func TestRecordedRepliesAreGivenAgainToTheByte(t *testing.T) {
	for _, texts := range []conversation.Reply{
		nil, {}, {"one"}, {"two", "texts"}, {`with "quotes" & \ <tags>`}, {"line\nand \x00 control"}, {"mañana 🌞"}, {"7"},
	} {
		r := newRecord(time.Now())
		r.count("SM1", conversation.State{Counter: 1}, texts, conversation.Counter{}, time.Now())
		reply, repeated := written(t, r).reply("SM1", conversation.Counter{})
		if !repeated || !slices.Equal(reply, texts) {
			t.Errorf("%q is recorded as %q", texts, reply)
		}
	}
}

func TestRepliesGoForSizeButNotTheLastEight(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		kept int
	}{
		{"small replies are all kept", 10, 40},
		{"large replies are kept up to 16 KiB", 1600, 10},
		{"the last eight are kept whatever their size", 9000, 8},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, now := newRecord(time.Now()), time.Now()
			for i := range 40 {
				state, reply := echo{1}.Respond(conversation.State{Counter: int64(i)}, conversation.Message{Body: strings.Repeat("x", row.size)})
				r.count(fmt.Sprint("SM", i), state, reply, echo{}, now)
				r = written(t, r)
			}
			kept := 0
			for i := range 40 {
				reply, repeated := r.reply(fmt.Sprint("SM", i), echo{})
				if !repeated {
					t.Fatalf("message %d is forgotten", i)
				}
				if len(reply) == 1 && len(reply[0]) == row.size {
					kept++
				} else if i >= 32 || len(reply) != 0 {
					t.Errorf("reply %d is %q", i, reply)
				}
			}
			if kept != row.kept {
				t.Errorf("%d replies are kept, want %d", kept, row.kept)
			}
		})
	}
}

// The messages behave as a list of the last 64 pairs, whatever the MessageSids are.
func TestMessagesAreTheLast64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			sid     string
			counter int64
		}
		var m messages
		var model []pair
		for range rapid.IntRange(0, 200).Draw(t, "messages") {
			p := pair{rapid.StringMatching(`[SM =%"\\12é]{1,4}`).Draw(t, "sid"), rapid.Int64Min(0).Draw(t, "counter")}
			known := slices.ContainsFunc(model, func(other pair) bool { return other.sid == p.sid })
			if _, found := m.find(name(p.sid)); found != known {
				t.Fatalf("%q is found: %t, among %q", p.sid, found, m)
			}
			if known {
				continue
			}
			m = m.add(nil, name(p.sid), found{counter: p.counter})
			model = append(model, p)
			model = model[max(0, len(model)-64):]
		}
		for _, p := range model {
			if is, found := m.find(name(p.sid)); !found || is.counter != p.counter {
				t.Fatalf("%q is found as %d, %t, want %d", p.sid, is.counter, found, p.counter)
			}
		}
		if n := len(strings.Fields(string(m))); n != len(model) {
			t.Fatalf("there are %d messages, want %d", n, len(model))
		}
	})
}

func TestCounterStopsAtTheLargestThatCanBeRead(t *testing.T) {
	r, now := newRecord(time.Now()), time.Now()
	r.Counter = maxCounter - 1
	for _, sid := range []string{"SM1", "SM2", "SM3"} {
		state, reply := conversation.Counter{}.Respond(conversation.State{Counter: r.Counter}, conversation.Message{})
		r.count(sid, state, reply, conversation.Counter{}, now)
		r = written(t, r)
		if again, repeated := r.reply(sid, conversation.Counter{}); !repeated || !slices.Equal(again, reply) {
			t.Errorf("%s: the reply %q is recorded as %q", sid, reply, again)
		}
	}
	if r.Counter != maxCounter {
		t.Errorf("the counter is %d, want %d", r.Counter, int64(maxCounter))
	}
}

func TestCodecWritesWhatItReads(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	r := newRecord(now)
	r.count("SM1", conversation.State{Counter: 1}, conversation.Counter{}.Recall(1), conversation.Counter{}, now)
	r.end("SM2", now)
	again := written(t, r)
	r.raw, r.changed, r.scratch, again.raw = nil, false, nil, nil
	if !reflect.DeepEqual(r, again) {
		t.Errorf("the record\n%+v is read as\n%+v", r, again)
	}
}

// FuzzScanner holds the scanner to encoding/json.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-0.5e+7,true,null,"\u00e9\n"]}`, ` { "a" : { } } `, `{"a":1,}`, `{"a":01}`, `{"a":"` + "\x1f" + `"}`, `{"aaaaaaaaaaaaaaaaaaaaaaaaaaaa":"\\"}`, `{"a":"\x"}`, `{"a":-}`, `{"a":1.}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanner{text: b}
		s.space()
		names := 0
		ok := s.object(0, func(_, value []byte) {
			names++
			if !json.Valid(value) {
				t.Errorf("%q was taken for a value", value)
			}
		}) && s.end()
		var object map[string]json.RawMessage
		valid := json.Unmarshal(b, &object) == nil && object != nil
		if ok && !valid || !ok && valid && depth(b) < maxDepth {
			t.Fatalf("%q: the scanner says %t, encoding/json %t", b, ok, valid)
		}
		if ok && names < len(object) {
			t.Errorf("%q has %d fields, the scanner saw %d", b, len(object), names)
		}
	})
}

// depth is not less than the depth of nesting.
func depth(b []byte) int {
	return strings.Count(string(b), "{") + strings.Count(string(b), "[")
}

// FuzzRecord reads any text and writes what could be read: nothing may be lost by it, and what is written must be JSON.
func FuzzRecord(f *testing.F) {
	const whole = `{"version":1,"counter":2,"from":"+12025550143","to":"+15005550006","began":"2026-11-23T05:13:22.570Z",` +
		`"written":"2026-11-23T05:13:22.594Z","deadline":"2026-12-23T05:13:22.570Z","ended":"2026-11-23T05:13:22.594Z",` +
		`"messages":"SM1=1 SM2=2","replies":{"SM2":["two","texts"]},"later":{"field":[1,"\u00e9"]}}`
	f.Add([]byte(whole))
	for _, cut := range []string{`"version":1,`, `,"replies":{"SM2":["two","texts"]}`, `"SM1=1 SM2=2"`, `2026-12-23`} {
		f.Add([]byte(strings.Replace(whole, cut, "", 1)))
	}
	for _, extreme := range []string{
		"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00",
		"0000-01-01T00:00:00Z", "0000-01-01T00:00:00+14:00", "0001-01-01T00:00:00.0001Z",
	} {
		f.Add([]byte(strings.Replace(whole, "2026-12-23T05:13:22.570Z", extreme, 1)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("%q was taken for a record", b)
		}
		if back, _ := (Codec{}).Encode(r.Deadline, map[string]any{recordKey: r}); string(back) != string(b) {
			t.Fatalf("an unchanged record was written back as %q", back)
		}
		if r.To != name(r.To) || r.From != name(r.From) {
			return // escaped otherwise than we do: no message finds it
		}
		r.count("SMnew", conversation.State{Counter: 3}, conversation.Reply{"text"}, conversation.Counter{}, time.Unix(1e9, 0))
		once := written(t, r)
		if string(once.unknown) != string(r.unknown) || once.Counter != 3 {
			t.Errorf("%q became %q", b, once.raw)
		}
		if reply, repeated := once.reply("SMnew", conversation.Counter{}); !repeated || len(reply) != 1 {
			t.Errorf("the reply was recorded as %q", reply)
		}
	})
}

// Counting a message reads all messages once. A naive loop, which searches for the end again for each message that it
// removes, would take hours for a million messages.
func TestAMillionMessagesAreCutInOnePass(t *testing.T) {
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "SM%d=%d ", i, i)
	}
	m := messages(strings.TrimSpace(b.String())).add(nil, "SMnew", found{counter: 7})
	last := strings.Fields(string(m))
	if len(last) != 64 || last[0] != "SM999937=999937" || last[63] != "SMnew=7" {
		t.Errorf("%d messages are left, from %s to %s", len(last), last[0], last[len(last)-1])
	}
}

func TestNoRecordIsWrittenThatIsTooLargeToRead(t *testing.T) {
	field := func(size int) string { return `,"later":"` + strings.Repeat("x", size) + `"` }
	for _, row := range []struct {
		name           string
		unknown, reply int
		sid            string
		kept, remains  bool // whether the last reply and the unknown field stay
	}{
		{"what fits is all kept", 100 << 10, 10 << 10, "SM1", true, true},
		{"the oldest replies go first", 200 << 10, 20 << 10, "SM1", true, true},
		{"then all replies", 250 << 10, 20 << 10, "SM1", false, true},
		{"then the fields of other versions", 256<<10 - 300, 0, "SM1", true, false},
		{"then messages with a MessageSid that only a person can have written", 0, 0, "SM" + strings.Repeat("1", 100<<10), true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, now := newRecord(time.Now()), time.Now()
			if row.unknown > 0 {
				r.unknown = []byte(field(row.unknown))
			}
			sid := ""
			for i := range 12 {
				sid = fmt.Sprint(row.sid, i)
				state, reply := echo{1}.Respond(conversation.State{Counter: int64(i)}, conversation.Message{Body: strings.Repeat("x", row.reply)})
				r.count(sid, state, reply, echo{}, now)
				r = written(t, r)
				if len(r.raw) > 256<<10 {
					t.Fatalf("the record has %d bytes", len(r.raw))
				}
			}
			reply, repeated := r.reply(sid, echo{})
			if kept := len(reply) == 1; !repeated || kept != row.kept {
				t.Errorf("the last message is remembered: %t, its reply is kept: %t", repeated, kept)
			}
			if r.Counter != 12 || (string(r.unknown) == field(row.unknown)) != (row.remains && row.unknown > 0) {
				t.Errorf("the counter is %d, %d bytes of other fields are left", r.Counter, len(r.unknown))
			}
		})
	}
}
