package chaostest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"smsession/internal/chaostest/crowd"
	"smsession/internal/chaostest/stage"
)

// short is how long each topology is broken in `make test`.
const short = 15 * time.Second

// TestChaos breaks the service on every topology of Redis. CHAOS=10m runs for ten minutes. SEED=1 repeats the faults of
// a run.
func TestChaos(t *testing.T) {
	seed := seed(t)
	var collect sync.Mutex
	var results []*result
	t.Cleanup(func() { t.Logf("SEED=%d\n%s", seed, figures(results)) })
	standalone := func(t *testing.T) stage.Redis { return stage.Standalone(t, "always") }
	for _, row := range []struct {
		name   string
		start  func(t *testing.T) stage.Redis
		share  float64 // of a long run
		hasApp bool
	}{
		{"standalone", standalone, 0.28, false},
		{"standalone, app", standalone, 0.18, true},
		{"Sentinel", func(t *testing.T) stage.Redis { return stage.Sentinel(t, 1, stage.UntilReplaced) }, 0.19, false},
		{"Cluster", func(t *testing.T) stage.Redis { return stage.Cluster(t, 1, stage.UntilReplaced) }, 0.19, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !isLong() {
				t.Parallel()
			}
			redis := row.start(t)
			s := scene{name: row.name, hasApp: row.hasApp, seed: seed, duration: duration(t, row.share, short)}
			s.crowd = crowd.Options{Redis: redis, Size: 12, Stops: true, Idle: idle, Settle: redis.Settle}
			more := []string{fmt.Sprint("REDIS_WAIT_REPLICAS=", redis.WaitReplicas)}
			if row.hasApp {
				app := stage.StartApp(t)
				more = append(more, "APP_URL="+app.URL(), fmt.Sprint("APP_TIMEOUT=", stage.AppTimeout))
				// An app may be so slow that it is not clear whether a session has expired.
				more = append(more, "SESSION_IDLE_TIMEOUT=4h")
				s.faults, s.crowd.Replies, s.crowd.Idle = app.Faults(redis), rememberedReplies, 0
			}
			s.system = stage.Start(t, redis, serve(t, service, more...))
			s.system.CheckLinks()
			s.faults = append(s.faults, s.system.Faults()...)
			r := s.run(t)
			collect.Lock()
			defer collect.Unlock()
			results = append(results, r)
			report(t, r)
		})
	}
}

// rememberedReplies is how many replies of an app a record contains.
const rememberedReplies = 8
