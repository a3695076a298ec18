package session

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"
)

// recordKey is where scs holds the session's one typed value.
const recordKey = "record"

// errForeign says that a value in Redis is not a record of ours.
var errForeign = errors.New("not a session record")

// newerError says that a record was written by a later version, which this one must not touch.
type newerError struct{ record Record }

func (e *newerError) Error() string {
	return fmt.Sprintf("session record has version %d, this is version %d", e.record.Version, version)
}

// timeLayout is RFC 3339 with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Codec writes a session as one JSON object. It is safe for concurrent use.
type Codec struct{}

var _ scs.Codec = Codec{}

// Encode writes the record among the values. One that was not changed is written back as it was read, to the byte.
func (Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	r, ok := values[recordKey].(*Record)
	if !ok {
		return nil, errors.New("encode session: it holds no record")
	}
	if !r.changed {
		return r.raw, nil
	}
	return r.append(make([]byte, 0, len(r.raw)+512), deadline), nil
}

// Decode reads a record. Its errors are errForeign and *newerError.
func (Codec) Decode(b []byte) (time.Time, map[string]any, error) {
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
	b = append(b, `,"messages":{`...)
	for i, m := range r.messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), m.sid...), `":`...)
		b = append(b, m.reply...)
	}
	b = append(b, '}')
	return append(append(b, r.unknown...), '}')
}

func appendTime(b []byte, field string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(append(append(b, `,"`...), field...), `":"`...)
	return append(t.UTC().AppendFormat(b, timeLayout), '"')
}

// parseRecord reads a record. Every field but `ended`, `messages` and the unknown ones must be there.
func parseRecord(b []byte) (*Record, error) {
	r := &Record{raw: b, Counter: -1}
	s := scanner{text: b}
	readable := true
	s.space()
	if !s.object(0, func(name, value []byte) bool {
		readable = r.set(string(name), value) && readable
		return true
	}) || !s.end() {
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

func (r *Record) complete() bool {
	return r.Version >= 1 && r.Counter >= 0 && r.From != "" && r.To != "" &&
		!r.Began.IsZero() && !r.Written.IsZero() && !r.Deadline.IsZero()
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
		r.messages, ok = parseMessages(value)
	default:
		r.unknown = append(append(append(append(r.unknown, `,"`...), field...), `":`...), value...)
	}
	return ok && err == nil
}

func parseTime(value []byte) (time.Time, bool) {
	s, ok := text(value)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil && !t.IsZero()
}

func parseMessages(value []byte) ([]message, bool) {
	messages := make([]message, 0, remembered+1)
	s := scanner{text: value}
	ok := s.object(0, func(name, value []byte) bool {
		messages = append(messages, message{sid: name, reply: value})
		return true
	})
	return messages, ok
}
