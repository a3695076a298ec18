package record

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// guard reports for each message whether it may get a reply. times are the times at which the messages arrive.
type guard func(limit int, times []time.Time) []bool

func ours(limit int, times []time.Time) (replies []bool) {
	r := &Record{}
	for _, at := range times {
		var isAllowed bool
		r, isAllowed = r.AllowReply(limit, at)
		replies = append(replies, isAllowed)
	}
	return replies
}

// perClockMinute is the naive version. It counts the replies of each minute of the clock.
func perClockMinute(limit int, times []time.Time) (replies []bool) {
	count := map[time.Time]int{}
	for _, at := range times {
		minute := at.Truncate(time.Minute)
		count[minute]++
		replies = append(replies, count[minute] <= limit)
	}
	return replies
}

// exceeds describes an error that the guard makes with random messages. It returns "" if there is no error.
func exceeds(t *rapid.T, g guard) string {
	limit := rapid.IntRange(1, 6).Draw(t, "limit")
	now := time.Date(2026, 11, 23, 5, 13, 22, 0, time.UTC)
	now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start")))
	var times []time.Time
	for _, gap := range rapid.SliceOfN(rapid.Int64Range(0, int64(25*time.Second)), 1, 40).Draw(t, "gaps") {
		now = now.Add(time.Duration(gap))
		times = append(times, now)
	}
	replies := g(limit, times)
	for i, at := range times {
		within, before := 0, 0 // the replies in the minute before this message, and in the second before that minute
		for j := range i + 1 {
			if age := at.Sub(times[j]); replies[j] && age < time.Minute {
				within++
			} else if replies[j] && age < time.Minute+time.Second {
				before++
			}
		}
		if within > limit {
			return "a minute has too many replies"
		}
		if !replies[i] && within+before < limit {
			return "a message gets no reply, although there were few replies"
		}
	}
	return ""
}

func TestAllowReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if wrong := exceeds(t, ours); wrong != "" {
			t.Fatal(wrong)
		}
	})
}

func TestNaiveLimit(t *testing.T) {
	caught := false
	for i := 0; i < 100 && !caught; i++ { // one check with its 100 random cases does not always find the error
		rapid.Check(t, func(t *rapid.T) { caught = exceeds(t, perClockMinute) != "" || caught })
	}
	if !caught {
		t.Error("the naive version passes the test")
	}
}

func TestReplyTimes(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 13, 22, 0, time.UTC)
	for name, row := range map[string]struct {
		replied string
		kept    string
	}{
		"the replies of the last minute count":                            {"2026-11-23T05:12:23Z 2026-11-23T05:13:22Z", "2026-11-23T05:12:23Z 2026-11-23T05:13:22Z"},
		"a reply that is a minute old does not count":                     {"2026-11-23T05:12:22Z 2026-11-23T05:13:22Z", "2026-11-23T05:13:22Z"},
		"a reply that is up to a minute in the future counts":             {"2026-11-23T05:14:22Z", "2026-11-23T05:14:22Z"},
		"a reply that is more than a minute in the future does not count": {"2026-11-23T05:14:23Z 2036-01-01T00:00:00Z", ""},
		"a text that is not a time is ignored":                            {"soon, 7  2026-11-23T05:13:00Z", "2026-11-23T05:13:00Z"},
		"there are no replies":                                            {"", ""},
	} {
		kept := (&Record{replied: []byte(row.replied)}).recentReplies(now)
		if got := string(bytes.Join(kept, space)); got != row.kept {
			t.Errorf("%s: %q, want %q", name, got, row.kept)
		}
	}
}
