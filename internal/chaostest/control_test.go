package chaostest

import (
	"cmp"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"smsession/internal/chaostest/check"
	"smsession/internal/chaostest/control"
	"smsession/internal/chaostest/crowd"
	"smsession/internal/chaostest/nemesis"
	"smsession/internal/chaostest/stage"
)

// uncomparing is the path of the service that saves a record without comparing it with the one that was read.
var uncomparing = sync.OnceValues(func() (string, error) {
	return buildPatched("uncomparing", patch{"../session/lua/record.lua",
		"if isUnchanged then", "if true then"})
})

// pointerFirst is the path of the service that sets the pointer of a new session before it saves the record.
var pointerFirst = sync.OnceValues(func() (string, error) {
	return buildPatched("pointerfirst", patch{"../session/commit.go", `
		recordReply = save.run(conn)
		if recordReply.hasSaved() {
			recordReply.err = ctx.Err()
		}
		if recordReply.hasSaved() {
			pointerReply = runAtOnce(ctx, conn, append([]call{pointer.script()}, atOnce...)...)[0]
		}
`, `
		pointerReply = runAtOnce(ctx, conn, append([]call{pointer.script()}, atOnce...)...)[0]
		if pointerReply.hasSaved() {
			recordReply = save.run(conn)
		}
`})
})

// pointerIgnored is the path of the service that does not set a pointer that it has found missing.
var pointerIgnored = sync.OnceValues(func() (string, error) {
	return buildPatched("pointerignored", patch{"../session/commit.go",
		"case isText && string(token) == pointer.token:", "case isKnown && (isText || token == nil):"})
})

// TestControls runs servers with one mistake each under the faults that concern the mistake. The checks that the
// service must pass have to catch each of them.
func TestControls(t *testing.T) {
	seed := seed(t)
	naive := func(name string) func() stage.Program {
		return func() stage.Program {
			return stage.Program{Path: os.Args[0], Settings: []string{control.RoleVariable + "=" + name}}
		}
	}
	changed := func(path func() (string, error)) func() stage.Program {
		return func() stage.Program { return serve(t, path) }
	}
	withoutWait := func() stage.Program { return serve(t, service, "REDIS_WAIT_REPLICAS=0") }
	standalone := func(t *testing.T) stage.Redis { return stage.Standalone(t, "always") }
	sentinel := func(t *testing.T) stage.Redis { return stage.Sentinel(t, 0, stage.UntilReplaced) }
	for _, row := range []struct {
		name    string
		redis   func(t *testing.T) stage.Redis
		program func() stage.Program
		faults  []string
		crowd   crowd.Options
		want    check.Kind
	}{
		{control.PlainSCS, standalone, naive(control.PlainSCS), nil, crowd.Options{}, check.LostUpdate},
		{control.IncrAndRetry, standalone, naive(control.IncrAndRetry),
			[]string{"reply lost"}, crowd.Options{Once: true}, check.Gap},
		{control.CheckThenMark, standalone, naive(control.CheckThenMark), nil, crowd.Options{}, check.CountedTwice},
		{control.LockNoFencing, standalone, naive(control.LockNoFencing),
			[]string{"SIGSTOP before a commit"}, crowd.Options{Rounds: 2}, check.LostUpdate},
		{"a commit without a comparison", standalone, changed(uncomparing), nil, crowd.Options{}, check.LostUpdate},
		{"the pointer before the record", standalone, changed(pointerFirst),
			[]string{"late replies"}, crowd.Options{Rounds: 1}, check.LostUpdate},
		{"a commit that ignores a missing pointer", standalone, changed(pointerIgnored),
			[]string{"reset before a pointer"}, crowd.Options{}, check.LostUpdate},
		{slowControl, sentinel, withoutWait,
			[]string{"Redis primary SIGKILL, cut off before"}, crowd.Options{Idle: idle, Rounds: 60}, check.LostUpdate},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == slowControl && !isLong() {
				t.Skip("only in a long run, because it needs failovers: make chaos")
			}
			t.Parallel()
			system := stage.Start(t, row.redis(t), row.program())
			row.crowd.Size, row.crowd.Rounds = 12, cmp.Or(row.crowd.Rounds, 4)
			r := scene{
				name: row.name, system: system, faults: only(system.Faults(), row.faults), duration: longestControl,
				seed: seed, crowd: row.crowd, until: []check.Kind{row.want},
			}.run(t)
			if r.has([]check.Kind{row.want}) {
				t.Logf("caught after %v\n%v", time.Since(r.began).Round(time.Millisecond), r)
			} else {
				t.Errorf("the control passes: %s", r.summary())
			}
		})
	}
}

const slowControl = "a commit without WAIT"

// longestControl is how long a control may hide its mistake.
const longestControl = 2 * time.Minute

// only returns the faults with some names. They last just longer than the lock of a control and than the time-out of a
// read, so that there are many of them.
func only(faults []nemesis.Fault, names []string) (some []nemesis.Fault) {
	for _, f := range faults {
		if slices.Contains(names, f.Name) {
			f.Min, f.Max = 1100*time.Millisecond, 1500*time.Millisecond
			some = append(some, f)
		}
	}
	return some
}
