package record

import (
	"bytes"
	"time"
)

// limitWindow is how far back the limit of replies looks.
const limitWindow = time.Minute

// replyTimes is when a conversation got its last replies, oldest first, in the form of the record: times in UTC with
// spaces between them.
type replyTimes []byte

// AllowReply reports whether the conversation may get one more reply, if it may get limit replies a minute. If so, the
// returned record contains the time of the reply. A limit of 0 allows every reply and changes nothing.
//
// The limit stops two machines that answer each other. The times come from the clocks of the replicas: if the clocks
// differ, the minute is longer or shorter by the difference.
func (r *Record) AllowReply(limit int, now time.Time) (*Record, bool) {
	if limit == 0 {
		return r, true
	}
	recent, count := r.replied.recent(now)
	next := r.clone()
	if next.replied = recent; count >= limit {
		return next, false
	}
	next.replied = recent.add(now.Add(time.Second-1).UTC().AppendFormat(nil, time.RFC3339)) // rounded up to a second
	return next, true
}

// recent returns the times in the last minute, and their number. A time that is more than a minute in the future does
// not count: otherwise, a clock that was wrong for a moment would silence the conversation until that time.
func (t replyTimes) recent(now time.Time) (recent replyTimes, count int) {
	for entry := range bytes.FieldsSeq(t) {
		at, err := time.Parse(time.RFC3339, string(entry))
		if err != nil || now.Sub(at) >= limitWindow || at.Sub(now) > limitWindow {
			continue
		}
		recent = recent.add(entry)
		count++
	}
	return recent, count
}

func (t replyTimes) add(entry []byte) replyTimes {
	if len(t) > 0 {
		t = append(t, ' ')
	}
	return append(t, entry...)
}
