package chaostest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/chaostest/check"
	"smsession/internal/chaostest/crowd"
	"smsession/internal/chaostest/history"
	"smsession/internal/chaostest/nemesis"
	"smsession/internal/chaostest/stage"
)

// scene is one run of a system under faults.
type scene struct {
	name     string
	system   *stage.Stage
	faults   []nemesis.Fault
	hasApp   bool
	duration time.Duration
	seed     uint64
	crowd    crowd.Options // without the system and the seed
	until    []check.Kind  // the run ends early at a violation of one of these kinds
}

// result is what a run has shown.
type result struct {
	scene scene
	stats crowd.Stats
	count map[string]int // of the faults, by name

	searching  sync.Mutex
	mu         sync.Mutex
	violations []check.Violation
	undecided  int
	failed     []history.History // those with violations, and those that are not decided
	began      time.Time
	inForce    []force
}

// force is a fault and when it was in force, by the clock of the histories.
type force struct {
	name     string
	from, to time.Duration
}

// options are those of every check. The slack allows for the clocks of Redis, which expires keys to the millisecond,
// and for a busy machine.
func (s scene) options() check.Options {
	return check.Options{Idle: cmp.Or(s.crowd.Idle, 4*time.Hour), Slack: time.Second / 4, Replies: s.crowd.Replies,
		Remembered: crowd.Remembered, App: s.hasApp, Patience: 5 * time.Second}
}

// run runs a scene. The goroutine of the test is the nemesis.
func (s scene) run(t *testing.T) *result {
	t.Helper()
	r := &result{scene: s, count: map[string]int{}}
	s.crowd.System, s.crowd.Seed = s.system, s.seed
	c := crowd.New(s.crowd)
	r.began = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.crowd.Rounds == 0 {
		c.Fill(ctx)
	}
	sent := make(chan crowd.Stats)
	go func() {
		sent <- c.Run(ctx, func(h history.History) {
			if r.check(h); r.has(s.until) {
				cancel()
			}
		})
	}()
	nemesis.Run(ctx, s.duration, nemesis.Plan(s.seed, s.duration, s.faults), s.faults, r.note)
	s.system.Recover()
	cancel()
	r.stats = <-sent
	return r
}

// note writes down that a fault begins or ends.
func (r *result) note(f nemesis.Fault, isBegin bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Since(r.began)
	if isBegin {
		r.count[f.Name]++
		r.inForce = append(r.inForce, force{f.Name, now, history.Never})
		return
	}
	for i := range r.inForce {
		if one := &r.inForce[i]; one.name == f.Name && one.to == history.Never {
			one.to = now
		}
	}
}

// check checks a history. A search is given a time, so only one search runs at a time.
func (r *result) check(h history.History) {
	r.searching.Lock()
	v := check.Check(h, r.scene.options())
	r.searching.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, v.Violations...)
	if len(v.Violations) > 0 {
		r.failed = append(r.failed, h)
	}
	if v.Undecided {
		r.undecided++
		r.failed = append(r.failed, h)
	}
}

// has reports whether there is a violation of one of some kinds.
func (r *result) has(kinds []check.Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.violations, func(v check.Violation) bool { return slices.Contains(kinds, v.Kind) })
}

// maxPrinted is how many violations are printed. One fault often breaks several promises.
const maxPrinted = 2

// String returns the violations with their reduced histories, and the faults at that time.
func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, SEED=%d: %d violations\n", r.scene.name, r.scene.seed, len(r.violations))
	for _, v := range r.violations[:min(len(r.violations), maxPrinted)] {
		fmt.Fprintf(&b, "%s: %s\n%s", v.Kind, v.Text, v.Ops)
		from, to := history.Never, time.Duration(0)
		for _, o := range v.Ops.Ops {
			from = min(from, o.Call)
			if o.IsKnown() {
				to = max(to, o.Return)
			}
		}
		for _, f := range r.inForce {
			if f.from <= to && f.to >= from {
				fmt.Fprintf(&b, "  %9.4f - %9.4f  %s\n", f.from.Seconds(), f.to.Seconds(), f.name)
			}
		}
	}
	return b.String()
}

// summary returns the figures of the run as a line.
func (r *result) summary() string {
	faults := 0
	for _, n := range r.count {
		faults += n
	}
	return fmt.Sprintf(
		"%s: %d conversations, %d messages, %d deliveries, %d unknown outcomes, %d faults, %d undecided, %d violations",
		r.scene.name, r.stats.Conversations, r.stats.Messages, r.stats.Deliveries, r.stats.Unknown, faults,
		r.undecided, len(r.violations))
}

// seed returns the seed of SEED, or a new one, and logs it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("SEED"), fmt.Sprint(time.Now().UnixNano()%1_000_000)), 10, 64)
	if err != nil {
		t.Fatalf("SEED: %v", err)
	}
	t.Logf("SEED=%d", n)
	return n
}

// duration returns a share of the duration of CHAOS, or the duration of the short form.
func duration(t *testing.T, share float64, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("CHAOS")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CHAOS: %v", err)
	}
	return time.Duration(share * float64(d))
}
