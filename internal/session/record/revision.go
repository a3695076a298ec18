package record

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
)

// A JSON form that encode has made begins with its revision: 64 random bits in base64url, which no other form has.
const (
	beforeRevision = `{"revision":"`
	revisionLength = 11
)

// Front returns the beginning of the JSON form up to the end of its revision. The front and the length of a form
// identify it: only an edit by hand that changes neither can make another form with both. A form that does not begin
// with a revision as long as those of encode is its own front.
func (r *Record) Front() []byte {
	rest, isAtFront := bytes.CutPrefix(r.raw, []byte(beforeRevision))
	if end := bytes.IndexByte(rest, '"'); isAtFront && end >= revisionLength {
		return r.raw[:len(beforeRevision)+end+1]
	}
	return r.raw
}

// appendRevision appends the beginning of a JSON form with a new revision.
func appendRevision(b []byte) []byte {
	var random [8]byte
	binary.NativeEndian.PutUint64(random[:], rand.Uint64())
	b = base64.RawURLEncoding.AppendEncode(append(b, beforeRevision...), random[:])
	return append(b, '"')
}
