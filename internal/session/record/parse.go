package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxSize is the size in bytes of the largest record. A larger value is put into quarantine without being read.
	MaxSize = 256 << 10

	// maxData is the size in bytes of the largest data of a responder.
	maxData = 32 << 10

	// maxCounter is the largest integer that every reader of JSON represents exactly.
	maxCounter = 1 << 53
)

var (
	// ErrForeign means that a value in Redis is not a record of this service.
	ErrForeign = errors.New("not a session record")

	// ErrNewer means that a later version of this service wrote the record. It must not be changed.
	ErrNewer = errors.New("session record is of a later version")

	// ErrData means that the responder's data cannot be stored: it is too large, or it is not JSON.
	ErrData = errors.New("the responder's data is not JSON, or is larger than 32 KiB")
)

// Like encoding/json, the package accepts texts that are not UTF-8, and names that are not unique.
var (
	anyUTF8 = jsontext.AllowInvalidUTF8(true)
	anyName = jsontext.AllowDuplicateNames(true)
)

// CheckData returns ErrData if a record cannot contain the data of a responder. Empty data is allowed.
func CheckData(data json.RawMessage) error {
	if len(data) > maxData || len(data) > 0 && !jsontext.Value(data).IsValid(anyName, anyUTF8) {
		return ErrData
	}
	return nil
}

// Parse reads a record in its JSON form. Every field must be present, except for `revision`, `ended`, `app`,
// `replied`, `replies` and unknown fields.
//
// The error is ErrForeign for any other text, and ErrNewer for a record of a higher version. With ErrNewer, the
// returned record has only the version and the addresses. An address is "" if it could not be read. The record contains
// parts of b, so b must not be changed afterwards.
func Parse(b []byte) (*Record, error) {
	r := &Record{raw: b, Counter: -1}
	isReadable := true
	err := eachField(b, func(name, value []byte) { isReadable = r.set(name, value) && isReadable })
	switch {
	case err != nil:
		return nil, ErrForeign
	case r.Version > version:
		newer := &Record{Version: r.Version, From: r.From, To: r.To}
		return newer, fmt.Errorf("%w: %d, this is version %d", ErrNewer, r.Version, version)
	case !isReadable || !r.isComplete():
		return nil, ErrForeign
	}
	return r, nil
}

func (r *Record) isComplete() bool {
	return r.Version >= 1 && r.Counter >= 0 && r.Counter <= maxCounter && r.From != "" && r.To != "" &&
		!r.Began.IsZero() && !r.Written.IsZero() && !r.Deadline.IsZero() && r.messages != nil
}

// set sets the field of one JSON member. It reports false if the value cannot be read.
func (r *Record) set(name, value []byte) bool {
	var err error
	switch string(name) {
	case `"revision"`: // only Front uses it, and a record that is encoded gets another one
	case `"version"`:
		r.Version, err = strconv.Atoi(string(value))
	case `"counter"`:
		r.Counter, err = strconv.ParseInt(string(value), 10, 64)
	case `"from"`:
		r.From, err = parseString(value)
	case `"to"`:
		r.To, err = parseString(value)
	case `"began"`:
		r.Began, err = parseTime(value)
	case `"written"`:
		r.Written, err = parseTime(value)
	case `"deadline"`:
		r.Deadline, err = parseTime(value)
	case `"ended"`:
		r.Ended, err = parseTime(value)
	case `"app"`:
		r.Data = value
	case `"messages"`:
		r.messages, err = literalString(value)
	case `"replied"`:
		r.replied, _ = literalString(value) // without it, only the limit of replies is lost
	case `"replies"`:
		err = eachField(value, func(name, value []byte) {
			r.replies = append(r.replies, storedReply{sid: string(name[1 : len(name)-1]), json: value})
		})
	default:
		r.unknown = fmt.Appendf(r.unknown, ",%s:%s", name, value)
	}
	return err == nil
}

// eachField calls f for each member of a JSON object, in order. name and value are parts of b, as they are written
// there. eachField returns ErrForeign if b is not one JSON object. f may have been called before that.
func eachField(b []byte, f func(name, value []byte)) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(b), anyName, anyUTF8)
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return ErrForeign
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		end := d.InputOffset()
		if err != nil || d.SkipValue() != nil {
			return ErrForeign
		}
		f(b[end-int64(len(name)):end], bytes.TrimLeft(b[end:d.InputOffset()], ": \t\r\n"))
	}
	_, err := d.ReadToken() // the closing brace
	if _, after := d.ReadToken(); err != nil || after != io.EOF {
		return ErrForeign
	}
	return nil
}

func parseString(value []byte) (string, error) {
	s, err := jsontext.AppendUnquote(nil, value)
	return string(s), err
}

// literalString returns the characters of a JSON string. It returns an error if one of them is written with an escape.
func literalString(value []byte) ([]byte, error) {
	if value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, ErrForeign
	}
	return value[1 : len(value)-1], nil
}

// parseTime accepts only times that encode can write.
func parseTime(value []byte) (t time.Time, err error) {
	if err := t.UnmarshalJSON(value); err != nil {
		return t, err
	}
	if t = stored(t); t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return t, ErrForeign
	}
	return t, nil
}
