package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smsession/internal/conversation"
)

const (
	to   = "+15005550006"
	from = "+12025550143"
)

func newRecord(now time.Time) *Record { return New(to, from).Begin(now, time.Hour) }

// count counts a message. Its reply is stored.
func (r *Record) count(sid string, counter int64, reply conversation.Reply) *Record {
	return r.Answer(conversation.State{Counter: counter}, time.Now(), sid, reply, recallsOther)
}

// recallsOther derives a reply that no test sends.
func recallsOther(counter int64) conversation.Reply {
	return conversation.Text(fmt.Sprint("derived from ", counter))
}

// recallsNothing derives the empty reply.
func recallsNothing(int64) conversation.Reply { return conversation.Reply{} }

// encoded returns the record with its JSON form.
func (r *Record) encoded() *Record {
	if r.raw != nil {
		return r
	}
	return r.clone().encode(r.messages)
}

// parsed returns the record as another replica reads it.
func parsed(tb interface{ Fatalf(string, ...any) }, r *Record) *Record {
	b := r.encoded().Bytes()
	if !json.Valid(b) {
		tb.Fatalf("the record is not JSON: %s", b)
	}
	again, err := Parse(b)
	if err != nil {
		tb.Fatalf("the record cannot be read: %v: %s", err, b)
	}
	return again
}

func TestReply(t *testing.T) {
	for _, reply := range []conversation.Reply{
		{}, {Texts: []string{}}, conversation.Text("one"), {Texts: []string{"two", "texts"}},
		conversation.Text(`with "quotes" & \ <tags>`), conversation.Text("line\nand \x00 control"),
		conversation.Text("mañana 🌞"), conversation.Text("7"),
		{TwiML: `<?xml version="1.0"?><Response><!-- "é" --></Response>`},
	} {
		r := parsed(t, newRecord(time.Now()).count("SM1", 1, reply))
		if got, found := r.Reply("SM1", recallsOther); !found || !got.Equal(reply) {
			t.Errorf("%q was stored as %q", reply, got)
		}
	}
}

func TestDerivedReply(t *testing.T) {
	r := parsed(t, newRecord(time.Now()).count("SM1", 7, recallsOther(7)))
	if got, found := r.Reply("SM1", recallsOther); !found || !got.Equal(recallsOther(7)) || len(r.replies) != 0 {
		t.Errorf("the reply is %q, and %d replies are stored", got, len(r.replies))
	}
	if got, found := r.Reply("SM2", recallsOther); found || !got.IsEmpty() {
		t.Errorf("a message that was not counted has the reply %q", got)
	}
}

func TestStoredReplies(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		kept int
	}{
		{"of small replies, the last 8 are kept", 10, 8},
		{"large replies are kept up to 32 KiB", 32<<10/5 - 20, 5},
		{"replies that exceed 32 KiB by a few bytes are removed", 32 << 10 / 5, 4},
		{"the last reply is kept whatever its size", 40 << 10, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRecord(time.Now())
			for i := range 40 {
				r = parsed(t, r.count(fmt.Sprint("SM", i), int64(i+1),
					conversation.Text(strings.Repeat("x", row.size))))
			}
			kept := 0
			for i := range 40 {
				reply, found := r.Reply(fmt.Sprint("SM", i), recallsOther)
				if !found {
					t.Fatalf("message %d was removed", i)
				}
				if reply.Equal(conversation.Text(strings.Repeat("x", row.size))) {
					kept++
				} else if i >= 40-row.kept || !reply.IsEmpty() {
					t.Errorf("reply %d is %q", i, reply)
				}
			}
			if kept != row.kept {
				t.Errorf("%d replies are kept, want %d", kept, row.kept)
			}
		})
	}
	t.Run("the reply of a message that was removed is removed", func(t *testing.T) {
		r := newRecord(time.Now())
		for i := range 1 + maxMessages {
			reply := recallsOther(int64(i + 1))
			if i < 2 {
				reply = conversation.Text("reply")
			}
			r = parsed(t, r.count(fmt.Sprint("SM", i), int64(i+1), reply))
		}
		if len(r.replies) != 1 || r.replies[0].sid != "SM1" {
			t.Errorf("the replies are %q", r.replies)
		}
	})
}

func (m messages) add(sid string, counter int64) messages {
	list, _ := m.with(sid, counter, false)
	return bytes.Join(list[:], nil)
}

// The messages behave as a list of the last 64 pairs, whatever the MessageSids are.
func TestMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			sid     string
			counter int64
		}
		var m messages
		var model []pair
		for range rapid.IntRange(0, 200).Draw(t, "messages") {
			p := pair{rapid.StringMatching(`[SM =%"\\12é]{1,4}`).Draw(t, "sid"), rapid.Int64Min(0).Draw(t, "counter")}
			isKnown := slices.ContainsFunc(model, func(other pair) bool { return other.sid == p.sid })
			if _, found := m.find(Escape(p.sid)); found != isKnown {
				t.Fatalf("%q is found: %t, among %q", p.sid, found, m)
			}
			if isKnown {
				continue
			}
			m = m.add(Escape(p.sid), p.counter)
			model = append(model, p)
			model = model[max(0, len(model)-64):]
		}
		for _, p := range model {
			value, found := m.find(Escape(p.sid))
			if counter, _ := parseValue(value); !found || counter != p.counter {
				t.Fatalf("%q is found as %d, %t, want %d", p.sid, counter, found, p.counter)
			}
		}
		var order []pair
		for sid, counter := range (&Record{messages: m}).Messages() {
			order = append(order, pair{sid, counter})
		}
		for i, p := range model {
			model[i].sid = Escape(p.sid)
		}
		if !slices.Equal(order, model) {
			t.Fatalf("the order is %v, want %v", order, model)
		}
	})
}

// Adding a message reads all messages once. A naive loop, which searches for the end again for each message that it
// removes, would take hours for a million messages.
func TestMillionMessages(t *testing.T) {
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "SM%d=%d ", i, i)
	}
	m := messages(strings.TrimSpace(b.String())).add("SMnew", 7)
	last := strings.Fields(string(m))
	if len(last) != 64 || last[0] != "SM999937=999937" || last[63] != "SMnew=007" {
		t.Errorf("%d messages are left, from %s to %s", len(last), last[0], last[len(last)-1])
	}
}

func TestLargestCounter(t *testing.T) {
	r, counter := newRecord(time.Now()), int64(1)<<53-1
	for _, sid := range []string{"SM1", "SM2", "SM3"} {
		r = parsed(t, r.count(sid, counter, conversation.Text(sid)))
		if reply, found := r.Reply(sid, recallsOther); !found || !reply.Equal(conversation.Text(sid)) {
			t.Errorf("the reply to %s is stored as %q", sid, reply)
		}
		counter = r.Counter + 1
	}
	if r.Counter != 1<<53 {
		t.Errorf("the counter is %d, want %d", r.Counter, int64(1)<<53)
	}
}

// change draws a change of a record.
func change(t *rapid.T, r *Record, now time.Time) *Record {
	sid := rapid.StringMatching(`SM[0-9 "é]{1,3}`).Draw(t, "sid")
	reply := conversation.Reply{TwiML: rapid.SampledFrom([]string{"", "", "<Response/>"}).Draw(t, "TwiML")}
	if reply.TwiML == "" {
		reply.Texts = rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "texts")
	}
	if _, found := r.Reply(sid, recallsOther); found {
		return r
	}
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0:
		return r.Begin(now, time.Hour)
	case 1:
		return r.End(now).Remember(sid, reply, recallsOther)
	case 2:
		r, _ = r.AllowReply(5, now)
		return r
	}
	data := json.RawMessage(rapid.SampledFrom([]string{"", "{}", `{"a":[1,"\u00e9"]}`, "null"}).Draw(t, "data"))
	state := conversation.State{Counter: r.Counter + 1, Data: data}
	recall := recallsOther
	if rapid.Bool().Draw(t, "is derived") {
		recall = func(int64) conversation.Reply { return reply }
	}
	return r.Answer(state, now, sid, reply, recall)
}

// A replica uses the record that it has encoded as if it had read it from Redis. It uses it for several attempts.
func TestEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, rapid.Int64Range(0, 1e9).Draw(t, "nanoseconds"))
		r := newRecord(now)
		r.Written = stored(now)
		r.unknown = []byte(rapid.SampledFrom([]string{"", `,"mood":"good"`}).Draw(t, "unknown"))
		r.messages = messages{}
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pause")))
			before := r.encoded()
			text := string(before.Bytes())
			r = change(t, before, now)
			again := before.change().encoded()
			if string(before.Bytes()) != text || again.withoutRevision() != before.withoutRevision() {
				t.Fatalf("a change of a record has changed the record before it:\n%s\n%s", text, again.Bytes())
			}
			if string(again.Front()) == string(before.Front()) {
				t.Fatalf("a record that was encoded again has the revision of the record before it: %s", again.Bytes())
			}
			r = r.encoded()
			if encoded, read := fmt.Sprintf("%+v", *r), fmt.Sprintf("%+v", *parsed(t, r)); encoded != read {
				t.Fatalf("the record\n%s is read as\n%s", encoded, read)
			}
		}
	})
}

// change returns the record as if something had changed, so that it is encoded again.
func (r *Record) change() *Record {
	return r.clone()
}

// withoutRevision returns the rest of the JSON form.
func (r *Record) withoutRevision() string {
	return strings.TrimPrefix(string(r.Bytes()), string(r.Front()))
}

func TestApp(t *testing.T) {
	data := json.RawMessage(`{"step":2,"words":["a","é"]}`)
	state := conversation.State{Counter: 1, Data: data}
	r := newRecord(time.Now()).Answer(state, time.Now(), "SM1", conversation.Reply{}, recallsNothing)
	t.Run("the data is an object that an operator can read", func(t *testing.T) {
		if b := string(r.encoded().Bytes()); !strings.Contains(b, `,"app":{"step":2,"words":["a","é"]},`) {
			t.Errorf("the record is %s", b)
		}
		if got := parsed(t, r); string(got.Data) != string(data) || got.Counter != 1 {
			t.Errorf("the data is %s, and the counter is %d", got.Data, got.Counter)
		}
	})
	t.Run("the data is dropped when the conversation ends", func(t *testing.T) {
		if b := string(r.End(time.Now()).encoded().Bytes()); strings.Contains(b, "app") || strings.Contains(b, "step") {
			t.Errorf("the record is %s", b)
		}
	})
	t.Run("the data is dropped when a conversation begins", func(t *testing.T) {
		if b := string(r.Begin(time.Now(), time.Hour).encoded().Bytes()); strings.Contains(b, "step") {
			t.Errorf("the record is %s", b)
		}
	})
	for _, row := range []struct {
		name, data string
		want       error
	}{
		{"no data is allowed", "", nil},
		{"an object is allowed", `{"a":{"b":[]}}`, nil},
		{"32 KiB are allowed", `"` + strings.Repeat("x", 32<<10-2) + `"`, nil},
		{"more than 32 KiB are refused", `"` + strings.Repeat("x", 32<<10-1) + `"`, ErrData},
		{"a text that is not JSON is refused", `{"a":}`, ErrData},
		{"two values are refused", `{} {}`, ErrData},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := CheckData(json.RawMessage(row.data)); !errors.Is(err, row.want) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestLargestRecord(t *testing.T) {
	field := func(size int) string { return `,"later":"` + strings.Repeat("x", size) + `"` }
	for _, row := range []struct {
		name           string
		unknown, reply int
		sid            string
		kept, remains  bool // whether the last reply and the unknown field stay
	}{
		{"a record that fits keeps everything", 100 << 10, 10 << 10, "SM1", true, true},
		{"the oldest replies are removed first", 200 << 10, 20 << 10, "SM1", true, true},
		{"all replies are removed if that is not enough", 250 << 10, 20 << 10, "SM1", false, true},
		{"the fields of other versions are removed last", 256<<10 - 300, 0, "SM1", true, false},
		{"messages with very long MessageSids are removed", 0, 0, "SM" + strings.Repeat("1", 100<<10), true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRecord(time.Now())
			if row.unknown > 0 {
				r.unknown = []byte(field(row.unknown))
			}
			sid := ""
			for i := range 12 {
				sid = fmt.Sprint(row.sid, i)
				r = parsed(t, r.count(sid, int64(i+1), conversation.Text(strings.Repeat("x", row.reply))))
				if size := len(r.Bytes()); size > 256<<10 {
					t.Fatalf("the record has %d bytes", size)
				}
			}
			reply, found := r.Reply(sid, recallsOther)
			if isKept := !reply.IsEmpty(); !found || isKept != row.kept {
				t.Errorf("the last message is found: %t, its reply is kept: %t", found, isKept)
			}
			if r.Counter != 12 || (string(r.unknown) == field(row.unknown)) != (row.remains && row.unknown > 0) {
				t.Errorf("the counter is %d, %d bytes of other fields are left", r.Counter, len(r.unknown))
			}
		})
	}
}

// FuzzFields compares eachField with encoding/json.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-0.5e+7,true,null,"\u00e9\n"]}`, ` { "a" : { } } `, `{"a":1,}`,
		`{"a":01}`, `{"a":"` + "\x1f" +
			`"}`, `{"aaaaaaaaaaaaaaaaaaaaaaaaaaaa":"\\"}`, `{"a":"\x"}`, `{"a":-}`, `{"a":1.}`, `{"a":1,"a":2}`, `{} {}`, "{\"\xff\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		names := 0
		err := eachField(b, func(name, value []byte) {
			names++
			if !json.Valid(name) || !json.Valid(value) {
				t.Errorf("%q: %q was taken for a member", name, value)
			}
		})
		var object map[string]json.RawMessage
		valid := json.Unmarshal(b, &object) == nil && object != nil
		if (err == nil) != valid {
			t.Fatalf("%q: eachField returns %v, encoding/json accepts it: %t", b, err, valid)
		}
		if valid && names < len(object) {
			t.Errorf("%q has %d fields, eachField saw %d", b, len(object), names)
		}
	})
}

// whole is a record with every field.
const whole = `{"revision":"9hR2-x_04bA","version":1,"counter":2,"from":"+12025550143","to":"+15005550006",` +
	`"began":"2026-11-23T05:13:22.570Z",` +
	`"written":"2026-11-23T05:13:22.594Z","deadline":"2026-12-23T05:13:22.570Z","ended":"2026-11-23T05:13:22.594Z",` +
	`"app":{"data":{"step":2}},"messages":"SM1=1 SM2=2","replied":"2026-11-23T05:13:22Z",` +
	`"replies":{"SM2":["two","texts"]},"later":{"field":[1,"\u00e9"]}}`

func TestParse(t *testing.T) {
	replaced := func(old, now string) string { return strings.Replace(whole, old, now, 1) }
	for _, row := range []struct {
		name, text string
		want       error
	}{
		{"a whole record is read", whole, nil},
		{"white space is ignored", " \n" + replaced(`:1,`, "\t: 1 ,") + "\r\n", nil},
		{"`revision` may be missing", replaced(`"revision":"9hR2-x_04bA",`, ""), nil},
		{"`revision` may have any value", replaced(`"9hR2-x_04bA"`, "7"), nil},
		{"`ended` may be missing", replaced(`"ended":"2026-11-23T05:13:22.594Z",`, ""), nil},
		{"`app` may be missing", replaced(`"app":{"data":{"step":2}},`, ""), nil},
		{"`replies` may be missing", replaced(`"replies":{"SM2":["two","texts"]},`, ""), nil},
		{"the last of two fields with the same name counts", replaced(`{`, `{"counter":-7,`), nil},
		{"a `replied` of another kind is ignored", replaced(`"replied":"2026-11-23T05:13:22Z"`, `"replied":7`), nil},
		{"an address may be written with an escape", replaced(`"+1500`, `"\u002b1500`), nil},
		{"nothing is not a record", "", ErrForeign},
		{"a list is not a record", "[1]", ErrForeign},
		{"a record that is cut short is not a record", "{", ErrForeign},
		{"text after a record is an error", whole + "x", ErrForeign},
		{"a record without a version is not ours", replaced(`"version":1,`, ""), ErrForeign},
		{"a record without messages is not ours", replaced(`"messages":"SM1=1 SM2=2",`, ""), ErrForeign},
		{"a MessageSid is never written with an escape", replaced(`"SM1=1`, `"\u0053M1=1`), ErrForeign},
		{"a counter over 2^53 is not ours", replaced(`"counter":2`, `"counter":9007199254740993`), ErrForeign},
		{"a counter that is not an integer is not ours", replaced(`"counter":2`, `"counter":2.0`), ErrForeign},
		{"a negative counter is not ours", replaced(`"counter":2`, `"counter":-2`), ErrForeign},
		{"an address that is not a text is not ours", replaced(`"+15005550006"`, `null`), ErrForeign},
		{"a year over 9999 is not ours", replaced(`2026-12-23T05:13:22.570Z`, `9999-12-31T23:59:59-14:00`), ErrForeign},
		{"a year before 0 is not ours", replaced(`2026-12-23T05:13:22.570Z`, `0000-01-01T00:00:00+14:00`), ErrForeign},
		{"a record with a higher version is of a later version", replaced(`"version":1`, `"version":2`), ErrNewer},
		{"a higher version may have other fields", `{"version":2,"counter":{}}`, ErrNewer},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := Parse([]byte(row.text))
			if !errors.Is(err, row.want) {
				t.Errorf("the error is %v, want %v", err, row.want)
			}
			if err == nil && (r.Counter != 2 || !r.Belongs(to, from)) {
				t.Errorf("the record is %+v", r)
			}
		})
	}
	t.Run("a record of a later version shows to whom it belongs", func(t *testing.T) {
		if r, _ := Parse([]byte(replaced(`"version":1`, `"version":2`))); r.Version != 2 || !r.Belongs(to, from) {
			t.Errorf("the record is %+v", r)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	r := newRecord(time.Now())
	for i := range 64 {
		state := conversation.State{Counter: int64(i + 1)}
		r = r.Answer(state, time.Now(), fmt.Sprintf("SM%032x", i), conversation.Reply{}, recallsNothing)
	}
	text := r.encoded().Bytes()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// The expected values come from encoding/json.
func TestStoredDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := rapid.String().Draw(t, "text") + string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var got, want string
		quoted, _ := json.Marshal(document)
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encodeReply(conversation.Reply{TwiML: document + "!"}), &got); err != nil {
			t.Fatalf("%q is not stored as JSON: %v", document, err)
		}
		if got != want+"!" {
			t.Errorf("%q is stored as %q, want %q", document, got, want)
		}
	})
}
