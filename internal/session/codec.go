package session

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"
)

// recordKey is the key of the session's only value in scs.
const recordKey = "record"

// errForeign means that a value in Redis is not one of our records.
var errForeign = errors.New("not a session record")

// newerError means that a later version wrote the record. This version must not change it.
type newerError struct{ record Record }

func (e *newerError) Error() string {
	return fmt.Sprintf("session record has version %d, this is version %d", e.record.Version, version)
}

// Codec writes a session as one JSON object. It is safe for concurrent use.
type Codec struct{}

var _ scs.Codec = Codec{}

// Encode returns the record in values as JSON, in at most 256 KiB. If the record has not changed, Encode returns the
// bytes that were read.
func (Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	r, ok := values[recordKey].(*Record)
	if !ok {
		return nil, errors.New("encode session: it holds no record")
	}
	if !r.changed {
		return r.raw, nil
	}
	b := r.append(r.scratch.record[:0], deadline)
	if len(b) > maxValue {
		r.shrink(len(b) - maxValue)
		b = r.append(b[:0], deadline)
	}
	r.scratch.record = b
	return b, nil
}

// Decode reads a record. nil is an empty session; no value in Redis is nil. Its errors are errForeign and *newerError.
func (Codec) Decode(b []byte) (time.Time, map[string]any, error) {
	if b == nil {
		return time.Time{}, map[string]any{}, nil
	}
	r, err := parseRecord(b)
	if err != nil {
		return time.Time{}, nil, err
	}
	return r.Deadline, map[string]any{recordKey: r}, nil
}

func (r *Record) append(b []byte, deadline time.Time) []byte {
	b = strconv.AppendInt(append(b, `{"version":`...), int64(r.Version), 10)
	b = strconv.AppendInt(append(b, `,"counter":`...), r.Counter, 10)
	b = append(append(append(b, `,"from":"`...), r.From...), '"')
	b = append(append(append(b, `,"to":"`...), r.To...), '"')
	b = appendTime(b, "began", r.Began)
	b = appendTime(b, "written", r.Written)
	b = appendTime(b, "deadline", deadline)
	b = appendTime(b, "ended", r.Ended)
	b = append(append(append(b, `,"messages":"`...), r.messages...), '"')
	if len(r.replied) > 0 {
		b = append(append(append(b, `,"replied":"`...), r.replied...), '"')
	}
	b = appendReplies(b, r.replies)
	return append(append(b, r.unknown...), '}')
}

func appendReplies(b []byte, replies []recordedReply) []byte {
	if len(replies) == 0 {
		return b
	}
	b = append(b, `,"replies":{`...)
	for i, reply := range replies {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), reply.sid...), `":`...)
		b = append(b, reply.texts...)
	}
	return append(b, '}')
}

func appendTime(b []byte, field string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(append(append(b, `,"`...), field...), `":"`...)
	// RFC 3339 with milliseconds; without them it is a layout that the time package writes fast.
	b = t.UTC().AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / 1e6
	return append(b[:len(b)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"')
}

// parseRecord reads a record. Every field but `ended`, `replied`, `replies` and the unknown ones must be there.
func parseRecord(b []byte) (*Record, error) {
	r := &Record{raw: b, Counter: -1}
	s := scanner{text: b}
	readable := true
	s.space()
	if !s.object(0, func(name, value []byte) { readable = r.set(string(name), value) && readable }) || !s.end() {
		return nil, errForeign
	}
	if r.Version > version {
		return nil, &newerError{record: Record{Version: r.Version, From: r.From, To: r.To}}
	}
	if !readable || !r.complete() {
		return nil, errForeign
	}
	return r, nil
}

// maxCounter is the largest integer that every reader of JSON represents exactly.
const maxCounter = 1 << 53

func (r *Record) complete() bool {
	return r.Version >= 1 && r.Counter >= 0 && r.Counter <= maxCounter && r.From != "" && r.To != "" &&
		!r.Began.IsZero() && !r.Written.IsZero() && !r.Deadline.IsZero() && r.messages != nil
}

// set takes one field of the JSON object into the record, and reports whether it could be read.
func (r *Record) set(field string, value []byte) bool {
	var err error
	ok := true
	switch field {
	case "version":
		r.Version, err = strconv.Atoi(string(value))
	case "counter":
		r.Counter, err = strconv.ParseInt(string(value), 10, 64)
	case "from":
		r.From, ok = text(value)
	case "to":
		r.To, ok = text(value)
	case "began":
		r.Began, ok = parseTime(value)
	case "written":
		r.Written, ok = parseTime(value)
	case "deadline":
		r.Deadline, ok = parseTime(value)
	case "ended":
		r.Ended, ok = parseTime(value)
	case "messages":
		r.messages, ok = verbatimText(value)
	case "replied":
		r.replied, _ = verbatimText(value) // without it, only the limit of replies is lost
	case "replies":
		r.replies, ok = parseReplies(value)
	default:
		r.unknown = append(append(append(append(r.unknown, `,"`...), field...), `":`...), value...)
	}
	return ok && err == nil
}

func parseTime(value []byte) (time.Time, bool) {
	if len(value) < 2 || value[0] != '"' {
		return time.Time{}, false
	}
	var t time.Time
	err := t.UnmarshalText(value[1 : len(value)-1])
	t = t.UTC().Truncate(time.Millisecond) // only times that appendTime can write are accepted
	return t, err == nil && !t.IsZero() && t.Year() >= 0 && t.Year() <= 9999
}

// verbatimText returns the characters of a JSON string. It reports false if one of them is written with an escape.
func verbatimText(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

func parseReplies(value []byte) ([]recordedReply, bool) {
	var replies []recordedReply
	s := scanner{text: value}
	ok := s.object(0, func(name, value []byte) {
		replies = append(replies, recordedReply{sid: string(name), texts: value})
	})
	return replies, ok
}
