package record

import (
	"slices"
	"strconv"
	"time"
)

// Bytes returns the JSON form of a record that Parse, Remember or End returned. For Parse, it is the form that was
// read. For any other record, it is nil. It must not be changed.
func (r *Record) Bytes() []byte { return r.raw }

// encode sets the JSON form of r, which must be a clone. The list of messages consists of the given parts. The form
// gets a new revision. If it would be larger than MaxSize, encode drops the oldest replies. If that is not enough, it
// drops the times of the replies and the fields of other versions.
//
// As after Parse, the long fields of the record are parts of the form, so that a record in the cache takes no more
// memory than its form.
func (r *Record) encode(list ...[]byte) *Record {
	for r.maxSize(list) > MaxSize && len(r.replies) > 0 {
		r.replies = r.replies[1:]
	}
	if r.maxSize(list) > MaxSize {
		r.unknown, r.replied = nil, nil
	}
	b := make([]byte, 0, r.maxSize(list))
	b = appendRevision(b)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(r.Version), 10)
	b = strconv.AppendInt(append(b, `,"counter":`...), r.Counter, 10)
	b = append(append(append(b, `,"from":"`...), r.From...), '"')
	b = append(append(append(b, `,"to":"`...), r.To...), '"')
	b = appendTime(b, `,"began":"`, r.Began)
	b = appendTime(b, `,"written":"`, r.Written)
	b = appendTime(b, `,"deadline":"`, r.Deadline)
	b = appendTime(b, `,"ended":"`, r.Ended)
	b, r.Data = appendPart(b, `,"app":`, r.Data, ``)
	b = append(b, `,"messages":"`...)
	begin := len(b)
	for _, part := range list {
		b = append(b, part...)
	}
	r.messages = messages(b[begin:len(b):len(b)])
	b = append(b, '"')
	b, r.replied = appendPart(b, `,"replied":"`, r.replied, `"`)
	b, r.replies = appendReplies(b, r.replies)
	b, r.unknown = appendPart(b, ``, r.unknown, ``)
	r.raw = append(b, '}')
	return r
}

// maxSize returns a number of bytes that the JSON form does not exceed.
func (r *Record) maxSize(list [][]byte) int {
	const names, numbersAndTimes = 160, 5 * 40
	size := names + numbersAndTimes + len(r.From) + len(r.To) + len(r.Data) + len(r.replied) +
		len(r.unknown)
	for _, part := range list {
		size += len(part)
	}
	for _, reply := range r.replies {
		size += reply.size() + len(`"":,`)
	}
	return size
}

func appendReplies(b []byte, replies []storedReply) ([]byte, []storedReply) {
	if len(replies) == 0 {
		return b, nil
	}
	replies = slices.Clone(replies)
	separator := `,"replies":{"`
	for i, reply := range replies {
		b = append(append(b, separator...), reply.sid...)
		b, replies[i].json = appendPart(b, `":`, reply.json, ``)
		separator = `,"`
	}
	return append(b, '}'), replies
}

// appendPart appends a part to b, unless it is empty. It returns b and the part in it.
func appendPart(b []byte, before string, part []byte, after string) (all, appended []byte) {
	if len(part) == 0 {
		return b, nil
	}
	b = append(append(b, before...), part...)
	return append(b, after...), b[len(b)-len(part) : len(b) : len(b)]
}

// appendTime appends a time in the form of RFC 3339, unless it is zero.
func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(t.AppendFormat(append(b, name...), time.RFC3339), '"')
}
