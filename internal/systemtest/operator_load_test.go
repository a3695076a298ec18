package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const (
	operations = 8 // how often each command runs under traffic
	ended      = 3 // how many conversations are ended again and again
)

// listed is a line of `smsession ls --json`, `watch --json` or `end --json`, with the fields that the tests use.
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

// TestOperatorsUnderTraffic lists, watches and ends conversations under traffic. The first conversations are ended
// again and again: each of their messages is counted once, in one of the conversations that follow each other. The
// other conversations must not be affected.
func TestOperatorsUnderTraffic(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	redisURL := "REDIS_URL=" + server.URL()
	watch := start(t, []string{"watch", "--json", "--reveal", "--every", "100ms"}, redisURL)
	watch.waitForLog("watching", 1)
	l := startTraffic(t, func(s *sender, sid, cookie string) reply { return s.deliver(f.next(), "/sms", sid, cookie) })
	waitForEvents(t, watch, l.conversations, "began")
	ends := map[string][]int{}
	for i := range operations {
		checkList(t, l, redisURL)
		one := l.conversations[i%ended]
		for _, done := range decodeLines(t, execute(t, []string{"end", one.From, "--to", one.To, "--yes", "--json"},
			redisURL).stdout) {
			if done.What == "ended" {
				ends[one.From] = append(ends[one.From], done.Count)
			}
		}
	}
	waitForEvents(t, watch, l.conversations, "continued")
	messages, slowest := l.finish()
	for _, one := range l.conversations[ended:] {
		last := fmt.Sprintf(`"from":"%s","to":"%s","count":%d,`, one.From, one.To, len(one.replies))
		webhooktest.Wait(t, "the last message of "+one.From, func() bool {
			return strings.Contains(watch.stdout(), last)
		})
	}
	watch.signal(os.Interrupt)
	for i, one := range l.conversations {
		if i < ended {
			checkEnded(t, f, one, ends[one.From])
			continue
		}
		for _, violation := range checkCounts(one.replies, 1, len(one.replies)) {
			t.Errorf("%s, which was not ended: %s", one.From, violation)
		}
	}
	if watch.wait() != 0 {
		t.Errorf("watch exits with status %d: %s", watch.wait(), watch.stderr())
	}
	checkEvents(t, l, decodeLines(t, watch.stdout()), ends)
	t.Logf("%d messages, %d ends; the slowest message took %v", messages, operations, slowest.Round(time.Millisecond))
}

// waitForEvents waits until watch has printed an event of each conversation.
func waitForEvents(t *testing.T, watch *process, of []*conversation, event string) {
	t.Helper()
	webhooktest.Wait(t, "the event "+event+" of each conversation", func() bool {
		seen := map[string]bool{}
		text := watch.stdout()
		for _, e := range decodeLines(t, text[:strings.LastIndexByte(text, '\n')+1]) {
			seen[e.From] = seen[e.From] || e.Event == event
		}
		for _, one := range of {
			if !seen[one.From] {
				return false
			}
		}
		return true
	})
}

// checkList lists the conversations. A conversation that is not ended must have at least the messages that were
// answered before the listing, and at most those that were answered or in progress after it.
func checkList(t *testing.T, l *traffic, redisURL string) {
	t.Helper()
	before := map[string]int{}
	for _, one := range l.conversations[ended:] {
		before[one.From] = one.count()
	}
	r := execute(t, []string{"ls", "--json", "--reveal"}, redisURL)
	counts := map[string]int{}
	for _, one := range decodeLines(t, r.stdout) {
		counts[one.From] = one.Count
	}
	if r.status != 0 || len(counts) > conversations {
		t.Errorf("exit status %d, %d conversations: %s", r.status, len(counts), r.stderr)
	}
	for _, one := range l.conversations[ended:] {
		if n := counts[one.From]; n < before[one.From] || n > one.count()+lanes {
			t.Errorf("%s has %d messages in the list; it had %d before and has %d now", one.From, n, before[one.From],
				one.count())
		}
	}
}

// checkEnded checks the conversations of one sender that follow each other: those that were ended, with their numbers
// of messages, and the last one.
func checkEnded(t *testing.T, f *fleet, one *conversation, ends []int) {
	t.Helper()
	lengths := append(ends[:len(ends):len(ends)], f.counter(one.sender))
	counted := 0
	for _, n := range lengths {
		counted += n
	}
	if counted != len(one.replies) || len(ends) == 0 {
		t.Errorf("%s: %d messages have replies, and %d were counted in %d conversations", one.From, len(one.replies),
			counted, len(lengths))
	}
	// Each conversation that has at least n messages has one nth message.
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
			t.Errorf("%s: %d replies have the number %d, with conversations of %v messages", one.From, got, n, lengths)
		}
	}
}

// checkEvents checks that watch has reported no end of a conversation that was not ended.
func checkEvents(t *testing.T, l *traffic, events []listed, ends map[string][]int) {
	t.Helper()
	seen := map[string]map[string]int{}
	for _, e := range events {
		if seen[e.From] == nil {
			seen[e.From] = map[string]int{}
		}
		seen[e.From][e.Event]++
	}
	for _, one := range l.conversations {
		s := seen[one.From]
		if s["gone"] > 0 || s["ended"] > len(ends[one.From]) || s["began"] > len(ends[one.From])+1 {
			t.Errorf("%s was ended %d times, and watch has seen %v", one.From, len(ends[one.From]), s)
		}
	}
}
