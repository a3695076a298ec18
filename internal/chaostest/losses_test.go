package chaostest

import (
	"fmt"
	"testing"

	"smsession/internal/chaostest/check"
	"smsession/internal/chaostest/crowd"
	"smsession/internal/chaostest/stage"
)

// TestLosses measures what Redis itself may lose, because nothing that the service does can prevent it: writes that
// were not yet on the disk or at a replica, and writes that WAIT has confirmed, if the primary comes back while its
// successor takes over. It reports the losses and never fails because of them. It needs a long run.
func TestLosses(t *testing.T) {
	if !isLong() {
		t.Skip("only in a long run: make chaos")
	}
	seed := seed(t)
	for _, row := range []struct {
		name   string
		start  func(t *testing.T) stage.Redis
		faults []string // nil means all
	}{
		{"standalone, appendfsync everysec, SIGKILL",
			func(t *testing.T) stage.Redis { return stage.Standalone(t, "everysec") }, []string{"Redis SIGKILL"}},
		{"Sentinel, without WAIT",
			func(t *testing.T) stage.Redis { return stage.Sentinel(t, 0, stage.UntilReplaced) }, nil},
		{"Sentinel, WAIT 1, the primary comes back early",
			func(t *testing.T) stage.Redis { return stage.Sentinel(t, 1, stage.Short) }, nil},
		{"Cluster, without WAIT",
			func(t *testing.T) stage.Redis { return stage.Cluster(t, 0, stage.UntilReplaced) }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := row.start(t)
			system := stage.Start(t, r, serve(t, service, fmt.Sprint("REDIS_WAIT_REPLICAS=", r.WaitReplicas)))
			faults := system.Faults()
			if row.faults != nil {
				faults = only(faults, row.faults)
			}
			result := scene{
				name: row.name, system: system, faults: faults, seed: seed, duration: duration(t, 0.04, 0),
				crowd: crowd.Options{Redis: r, Size: 12, Idle: idle, Settle: r.Settle},
			}.run(t)
			kinds := map[check.Kind]int{}
			for _, v := range result.violations {
				kinds[v.Kind]++
			}
			t.Logf("%s\nRedis lost messages in %d conversations: %v", result.summary(), len(result.failed), kinds)
		})
	}
}
