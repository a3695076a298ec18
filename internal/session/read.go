package session

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
)

// Parse reads a record as it stands in Redis. The error is ErrNewer, or another one for what is no record of this service.
func Parse(b []byte) (*Record, error) {
	r, err := parseRecord(b)
	if newer := (*newerError)(nil); errors.As(err, &newer) {
		return nil, fmt.Errorf("%w: %d, this is version %d", ErrNewer, newer.record.Version, version)
	}
	return r, err
}

// Belongs reports whether the record is that of the conversation between two addresses, as they stand in a message.
func (r *Record) Belongs(to, from string) bool { return r.belongs(name(to), name(from)) }

// Messages are the last messages counted, oldest first: the MessageSid as it stands in the record, and the counter that
// the message brought, 0 for one that ended the conversation.
func (r *Record) Messages() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for pair := range bytes.FieldsSeq(r.messages) {
			sid, value, _ := bytes.Cut(pair, []byte("="))
			if !yield(string(sid), parseFound(value).counter) {
				return
			}
		}
	}
}

// MaxValue is the size in bytes of the largest record. A larger value is put into quarantine without being read.
const MaxValue = maxValue

// TokenLength is how long every token is.
func TokenLength() int { return tokenLength }

// IsToken reports whether a pointer's value can be a token. One that cannot points nowhere.
func IsToken(s string) bool { return isToken(s) }
