package stage

import (
	"math/rand/v2"
	"syscall"
	"time"

	"smsession/internal/chaostest/nemesis"
)

// replicaFaults returns the faults of one replica.
func (s *Stage) replicaFaults() []nemesis.Fault {
	ending := func(name string, signal syscall.Signal) nemesis.Fault {
		return nemesis.Fault{Name: "replica " + name, Lane: nemesis.Replicas, Max: time.Second,
			Begin: func(random *rand.Rand, _ time.Duration) func() {
				r := s.any(random)
				r.end(signal)
				return func() { r.restart(signal) }
			}}
	}
	return []nemesis.Fault{
		ending("SIGKILL", syscall.SIGKILL),
		ending("SIGTERM", syscall.SIGTERM),
		{Name: "replica SIGSTOP", Lane: nemesis.Replicas, Min: time.Second / 4, Max: 5 * time.Second,
			Begin: func(random *rand.Rand, _ time.Duration) func() {
				process := s.any(random).process
				process.Signal(syscall.SIGSTOP)
				return func() { process.Signal(syscall.SIGCONT) }
			}},
		s.stopAfterRead(), s.resetAfterRecord(),
	}
}
