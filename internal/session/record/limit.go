package record

import (
	"bytes"
	"time"
)

// limitWindow is the time in which the number of replies is limited.
const limitWindow = time.Minute

// AllowReply reports whether the conversation may get one more reply, if it may get limit replies a minute. If so, the
// returned record contains the time of the reply. A limit of 0 allows every reply and changes nothing.
//
// The limit stops two machines that answer each other. The times come from the clocks of the replicas: if the clocks
// differ, the minute is longer or shorter by the difference.
func (r *Record) AllowReply(limit int, now time.Time) (next *Record, isAllowed bool) {
	if limit == 0 {
		return r, true
	}
	recent := r.recentReplies(now)
	if isAllowed = len(recent) < limit; isAllowed {
		recent = append(recent, now.Add(time.Second-1).UTC().AppendFormat(nil, time.RFC3339)) // rounded up to a second
	}
	next = r.clone()
	next.replied = bytes.Join(recent, space)
	return next, isAllowed
}

// recentReplies returns the times of the replies in the last minute. It leaves out a time that is more than a minute in
// the future: otherwise, a clock that was wrong for a moment would silence the conversation until that time.
func (r *Record) recentReplies(now time.Time) (recent [][]byte) {
	for entry := range bytes.FieldsSeq(r.replied) {
		at, err := time.Parse(time.RFC3339, string(entry))
		if err == nil && now.Sub(at) < limitWindow && at.Sub(now) <= limitWindow {
			recent = append(recent, entry)
		}
	}
	return recent
}
