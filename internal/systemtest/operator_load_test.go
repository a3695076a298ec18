package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// operations is how often each command runs while the traffic goes on.
const operations = 8

// listed is a line of `smsession ls --json`, `watch --json` or `end --json`, as far as the suite looks at it.
type listed struct {
	From, What, Event string
	Count             int
}

func decodeLines(tb testing.TB, text string) (all []listed) {
	tb.Helper()
	for line := range strings.Lines(text) {
		var one listed
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			tb.Errorf("%v: %q", err, line)
		}
		all = append(all, one)
	}
	return all
}

// TestOperatorsWorkWhileMessagesCome lists, watches and ends conversations under traffic. The first half of them is ended
// again and again: every message is counted once, in one of as many conversations as were begun. The others must not feel
// it.
func TestOperatorsWorkWhileMessagesCome(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	redisURL := "REDIS_URL=" + server.URL()
	watch := start(t, []string{"watch", "--json", "--reveal", "--every", "100ms"}, redisURL)
	webhooktest.Wait(t, "it to watch", func() bool { return strings.Contains(watch.stderr(), "watching") })
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(f.any(), "/sms", sid, cookie) })
	awaitReplies(t, l.talks, 1)
	ends := map[string][]int{}
	for i := range operations {
		checkList(t, l, redisURL)
		one := l.talks[i%3]
		for _, done := range decodeLines(t, execute(t, []string{"end", one.From, "--to", one.To, "--yes", "--json"}, redisURL).stdout) {
			if done.What == "ended" {
				ends[one.From] = append(ends[one.From], done.Count)
			}
		}
	}
	messages, slowest := l.finish()
	last := l.talks[talks-1]
	webhooktest.Wait(t, "what came last", func() bool {
		return strings.Contains(watch.stdout(), fmt.Sprintf(`"from":"%s","to":"%s","count":%d,`, last.From, last.To, len(last.replies)))
	})
	watch.signal(os.Interrupt)
	for i, one := range l.talks {
		if i < 3 {
			checkEnded(t, f, one, ends[one.From])
			continue
		}
		for _, violation := range uncounted(one.replies, 1, len(one.replies)) {
			t.Errorf("%s, which nobody ended: %s", one.From, violation)
		}
	}
	if watch.wait() != 0 {
		t.Errorf("the watch ends with status %d: %s", watch.wait(), watch.stderr())
	}
	checkEvents(t, l, decodeLines(t, watch.stdout()), ends)
	t.Logf("%d messages, %d ends; the slowest message took %v", messages, operations, slowest)
}

// checkList lists the conversations. Those that nobody ends have at least the messages answered before, and at most those
// answered after and the ones under way.
func checkList(t *testing.T, l *traffic, redisURL string) {
	t.Helper()
	before := map[string]int{}
	for _, one := range l.talks[3:] {
		before[one.From] = one.answered()
	}
	r := execute(t, []string{"ls", "--json", "--reveal"}, redisURL)
	found := map[string]int{}
	for _, one := range decodeLines(t, r.stdout) {
		found[one.From] = one.Count
	}
	if r.status != 0 || len(found) > talks {
		t.Errorf("exit status %d, %d conversations: %s", r.status, len(found), r.stderr)
	}
	for _, one := range l.talks[3:] {
		if n := found[one.From]; n < before[one.From] || n > one.answered()+lanes {
			t.Errorf("%s has %d messages in the list, it had %d before and has %d now", one.From, n, before[one.From], one.answered())
		}
	}
}

// checkEnded adds the conversations of one sender up: those that were ended, and the one that goes on.
func checkEnded(t *testing.T, f *fleet, one *talk, ends []int) {
	t.Helper()
	counted := f.recorded(one.sender)
	for _, n := range ends {
		counted += n
	}
	if counted != len(one.replies) || len(ends) == 0 {
		t.Errorf("%s: %d messages were answered, and %d counted in %d conversations", one.From, len(one.replies), counted, len(ends)+1)
	}
	// As many conversations have an nth message as are that long.
	lengths := append(ends[:len(ends):len(ends)], f.recorded(one.sender))
	times := map[int]int{}
	for _, r := range one.replies {
		times[number(r.Text())]++
	}
	for n, got := range times {
		want := 0
		for _, length := range lengths {
			if length >= n {
				want++
			}
		}
		if n == 0 || got != want {
			t.Errorf("%s: the number %d came %d times, with conversations of %v messages", one.From, n, got, lengths)
		}
	}
}

// checkEvents looks at what the watch saw: every conversation begin and speak, and no end of one that nobody ended.
func checkEvents(t *testing.T, l *traffic, events []listed, ends map[string][]int) {
	t.Helper()
	seen := map[string]map[string]int{}
	for _, e := range events {
		if seen[e.From] == nil {
			seen[e.From] = map[string]int{}
		}
		seen[e.From][e.Event]++
	}
	for _, one := range l.talks {
		s := seen[one.From]
		if s["began"] == 0 || s["spoke"] == 0 || s["gone"] > 0 || s["ended"] > len(ends[one.From]) || s["began"] > len(ends[one.From])+1 {
			t.Errorf("%s was ended %d times, and the watch saw %v", one.From, len(ends[one.From]), s)
		}
	}
}
