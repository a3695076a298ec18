package stage

import (
	"math/rand/v2"
	"syscall"
	"time"

	"smsession/internal/chaostest/nemesis"
	"smsession/internal/redistest"
)

// readTimeout is how long a replica waits for a reply of Redis.
const readTimeout = time.Second

// linkFaults returns the faults of the link between one replica and Redis.
func (s *Stage) linkFaults() []nemesis.Fault {
	impair := func(name string, longest time.Duration, how func(*rand.Rand) redistest.Impairment) nemesis.Fault {
		return nemesis.Fault{Name: name, Lane: nemesis.Links, Min: longest / 4, Max: longest,
			Begin: func(random *rand.Rand, _ time.Duration) func() {
				link := s.any(random).link
				link.Impair(how(random), random.Uint64())
				return func() { link.Impair(redistest.Impairment{}, 0) }
			}}
	}
	return []nemesis.Fault{
		impair("reply lost", 2*time.Second, func(r *rand.Rand) redistest.Impairment {
			return redistest.Impairment{Lose: 0.1 + 0.5*r.Float64()}
		}),
		impair("cut between replies", 2*time.Second, func(*rand.Rand) redistest.Impairment {
			return redistest.Impairment{Lose: 0.5, KeepFirst: true}
		}),
		impair("late replies", 4*time.Second, func(r *rand.Rand) redistest.Impairment {
			return redistest.Impairment{Delay: readTimeout/2 + time.Duration(r.Int64N(int64(readTimeout)))}
		}),
		impair("slow bytes", 2*time.Second, func(r *rand.Rand) redistest.Impairment {
			return redistest.Impairment{Slice: 1 + r.IntN(20)}
		}),
		impair("black hole", 4*time.Second, func(*rand.Rand) redistest.Impairment {
			return redistest.Impairment{Hold: true}
		}),
		s.reset(), s.linkDown(),
	}
}

func (s *Stage) reset() nemesis.Fault {
	return nemesis.Fault{Name: "connection reset", Lane: nemesis.Links, Max: time.Second / 4,
		Begin: func(random *rand.Rand, _ time.Duration) func() {
			link := s.any(random).link
			link.Reset()
			return link.Reset
		}}
}

func (s *Stage) linkDown() nemesis.Fault {
	return nemesis.Fault{Name: "link down", Lane: nemesis.Links, Min: time.Second / 4, Max: 4 * time.Second,
		Begin: func(random *rand.Rand, _ time.Duration) func() {
			link := s.any(random).link
			link.Down()
			return link.Up
		}}
}

// stopAfterRead stops a replica when Redis has answered a read and the answer has not reached the replica. When the
// replica continues, it commits with a record that other replicas have changed in the meantime.
func (s *Stage) stopAfterRead() nemesis.Fault {
	return nemesis.Fault{
		Name: "SIGSTOP before a commit", Lane: nemesis.Replicas, Min: time.Second / 2, Max: 5 * time.Second,
		Begin: func(random *rand.Rand, _ time.Duration) func() {
			r := s.any(random)
			process := r.process
			r.link.Catch(func(reply []byte) bool {
				isRead := reply[0] == '$' || reply[0] == '*'
				if isRead {
					process.Signal(syscall.SIGSTOP)
				}
				return isRead
			})
			return func() {
				r.link.Catch(nil)
				process.Signal(syscall.SIGCONT)
			}
		},
	}
}
