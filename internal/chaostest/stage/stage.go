// Package stage is the system that the nemesis breaks: three replicas of the service as processes, the links between
// them and Redis, and a real Redis. Only tests import it.
package stage

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/chaostest/nemesis"
	"smsession/internal/webhooktest"
)

// size is how many replicas there are. With only two, the replica that did not get the first message would always be
// the same one.
const size = 3

// Program is what the replicas run: the service, or a negative control.
type Program struct {
	Path     string
	Args     []string
	Settings []string // NAME=value
	// Ahead is the path of the program for the last replica, whose clock is ahead. "" means that no clock is.
	Ahead string
}

// Stage is a system under test. Its faults are used by one goroutine, which must be that of the test. All other methods
// are safe for concurrent use.
type Stage struct {
	tb       testing.TB
	redis    Redis
	replicas []*replica

	troubles atomic.Int64 // faults of Redis that have not ended
	calm     atomic.Int64 // since when there is none, in Unix nanoseconds
}

// Start starts the replicas in front of a Redis.
func Start(tb testing.TB, r Redis, p Program) *Stage {
	tb.Helper()
	s := &Stage{tb: tb, redis: r}
	for i := range size {
		one := &replica{tb: tb, program: p, secret: filepath.Join(tb.TempDir(), "redis-url"),
			link: startLink(tb, r.addrs)}
		if i == size-1 && p.Ahead != "" {
			one.program.Path = p.Ahead
		}
		s.replicas = append(s.replicas, one)
		s.writeURL(one)
		one.start()
	}
	for _, one := range s.replicas {
		one.waitReady()
	}
	return s
}

// CheckLinks fails the test if a replica of the service reaches Redis without its link.
func (s *Stage) CheckLinks() {
	s.tb.Helper()
	for _, r := range s.replicas {
		r.link.down()
	}
	for _, r := range s.replicas {
		webhooktest.Wait(s.tb, "a replica to notice that its link is down", func() bool { return r.ready() != nil })
		r.link.up()
	}
	for _, r := range s.replicas {
		r.waitReady()
	}
}

// writeURL writes the file from which a replica reads the URL of Redis.
func (s *Stage) writeURL(r *replica) {
	if err := os.WriteFile(r.secret, []byte(s.redis.url()), 0o600); err != nil {
		s.tb.Error(err)
	}
}

// Addrs returns the URL of each replica. A replica that was started again has a new one.
func (s *Stage) Addrs() (all []string) {
	for _, r := range s.replicas {
		all = append(all, *r.url.Load())
	}
	return all
}

// Recover waits until each replica is ready, after all faults have ended.
func (s *Stage) Recover() {
	for _, r := range s.replicas {
		webhooktest.WaitNoError(s.tb, "a replica to be ready again", func() error {
			r.revive()
			return r.ready()
		})
	}
}

// Calm reports whether Redis has had no fault for some time.
func (s *Stage) Calm(d time.Duration) bool {
	return s.troubles.Load() == 0 && time.Since(time.Unix(0, s.calm.Load())) > d
}

// Faults returns the faults of the stage.
func (s *Stage) Faults() []nemesis.Fault {
	all := slices.Concat(s.replicaFaults(), s.redis.faults(s), s.linkFaults())
	for i, f := range all {
		all[i].Begin = func(random *rand.Rand, d time.Duration) func() {
			for _, r := range s.replicas {
				r.revive()
			}
			return f.Begin(random, d)
		}
	}
	return all
}

// any returns one replica.
func (s *Stage) any(random *rand.Rand) *replica { return s.replicas[random.IntN(size)] }
