package session

import (
	"bytes"
	"time"
)

// guardWindow is how far back the loop guard looks.
const guardWindow = time.Minute

// replied is when a conversation was replied to in the last minute, oldest first, as a record has it: seconds in UTC with
// spaces between. Two machines that answer each other would go on for as long as somebody pays for it.
//
// The times are those of the replicas' clocks: where they differ, the minute is longer or shorter by as much.
type replied []byte

// within returns those replies that count at a time, and how many they are. A reply from further in the future than a
// minute does not count, lest a clock that was wrong for a moment silences a conversation until then; nor does what is no
// time.
func (r replied) within(now time.Time) (kept replied, replies int) {
	for entry := range bytes.FieldsSeq(r) {
		at, err := time.Parse(time.RFC3339, string(entry))
		if err != nil || now.Sub(at) >= guardWindow || at.Sub(now) > guardWindow {
			continue
		}
		kept = kept.append(entry)
		replies++
	}
	return kept, replies
}

// add returns the replies with one more. Seconds are rounded up: a minute is then never shorter than one.
func (r replied) add(now time.Time) replied {
	return r.append(now.Add(time.Second-1).UTC().AppendFormat(nil, time.RFC3339))
}

func (r replied) append(entry []byte) replied {
	if len(r) > 0 {
		r = append(r, ' ')
	}
	return append(r, entry...)
}

// mayReply reports whether a conversation that may be replied to so often in a minute may be now, and if so takes note of
// the reply. Where there is no limit, 0, it leaves the record as it is.
func (r *Record) mayReply(limit int, now time.Time) bool {
	if limit == 0 {
		return true
	}
	kept, replies := r.replied.within(now)
	if r.replied = kept; replies >= limit {
		return false
	}
	r.replied = kept.add(now)
	return true
}
