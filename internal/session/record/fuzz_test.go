package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"smsession/internal/conversation"
)

// FuzzRecord reads any text. encoding/json must find the values of a record in it, and again in the form in which the
// record is written. A message must be counted without a loss.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(whole))
	for _, cut := range []string{
		`"revision":"9hR2-x_04bA",`, `"version":1,`,
		`"replies":{"SM2":["two","texts"]},`, `"SM1=1 SM2=2"`, `2026-12-23`,
	} {
		f.Add([]byte(strings.Replace(whole, cut, "", 1)))
	}
	for _, extreme := range []string{
		"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00",
		"0000-01-01T00:00:00Z", "0000-01-01T00:00:00+14:00", "0001-01-01T00:00:00.0001Z",
	} {
		f.Add([]byte(strings.Replace(whole, "2026-12-23T05:13:22.570Z", extreme, 1)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("%q was taken for a record", b)
		}
		if hasEscapedName(b) {
			return // encoding/json also finds the fields whose names are written with an escape
		}
		checkValues(t, r, b)
		if r.To != Escape(r.To) || r.From != Escape(r.From) {
			return // another program wrote it, and no message finds it
		}
		again := parsed(t, r.clone())
		checkValues(t, again, b)
		checkValues(t, again, again.Bytes())
		if !reflect.DeepEqual(again.replies, r.replies) || string(again.replied) != string(r.replied) {
			t.Errorf("%q was written as %q", b, again.Bytes())
		}
		once := parsed(t, r.count("SMnew", 3, conversation.Text("text")))
		if string(once.unknown) != string(r.unknown) || once.Counter != 3 {
			t.Errorf("%q became %q", b, once.Bytes())
		}
		if reply, found := once.Reply("SMnew", recallsOther); !found || !reply.Equal(conversation.Text("text")) {
			t.Errorf("the reply was stored as %q", reply)
		}
	})
}

func hasEscapedName(b []byte) (has bool) {
	_ = eachField(b, func(name, _ []byte) { has = has || bytes.Contains(name, []byte(`\`)) })
	return has
}

// checkValues compares a record with what encoding/json finds in a text.
func checkValues(t *testing.T, r *Record, text []byte) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]any{
		"version": r.Version, "counter": r.Counter, "from": r.From, "to": r.To, "began": r.Began,
		"written": r.Written, "deadline": r.Deadline, "ended": r.Ended,
	} {
		want := reflect.New(reflect.TypeOf(got))
		if field, has := fields[name]; has && json.Unmarshal(field, want.Interface()) != nil {
			t.Fatalf("%s of %q has the wrong type", name, text)
		}
		if at, isTime := want.Interface().(*time.Time); isTime {
			*at = at.Truncate(time.Second).UTC()
		}
		if got != want.Elem().Interface() {
			t.Fatalf("%s of %q is %v", name, text, got)
		}
		delete(fields, name)
	}
	if string(r.Data) != string(fields["app"]) || `"`+string(r.messages)+`"` != string(fields["messages"]) {
		t.Fatalf("the data of %q are %q, the messages are %q", text, r.Data, r.messages)
	}
	var unknown map[string]json.RawMessage
	if err := json.Unmarshal([]byte("{"+strings.TrimPrefix(string(r.unknown), ",")+"}"), &unknown); err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"app", "messages", "replied", "replies", "revision"} {
		delete(fields, known)
	}
	if !reflect.DeepEqual(unknown, fields) {
		t.Fatalf("the unknown fields of %q are %q", text, r.unknown)
	}
}
