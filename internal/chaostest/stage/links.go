package stage

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"smsession/internal/chaostest/nemesis"
	"smsession/internal/redistest"
)

// link is the way from one replica to Redis: a proxy in front of each server, by the address of the server. All of them
// have the same faults.
type link map[string]*redistest.Proxy

func startLink(tb testing.TB, addrs []string) link {
	l := link{}
	for _, addr := range addrs {
		l[addr] = redistest.StartProxy(tb, addr)
	}
	return l
}

// settings returns the environment variables with which a program finds its proxies.
func (l link) settings() (all []string) {
	for addr, proxy := range l {
		all = append(all, addr+"="+proxy.Addr())
	}
	return all
}

func (l link) each(do func(*redistest.Proxy)) {
	for _, proxy := range l {
		do(proxy)
	}
}

func (l link) impair(i redistest.Impairment, seed uint64) {
	l.each(func(p *redistest.Proxy) { p.Impair(i, seed) })
}

func (l link) reset() { l.each((*redistest.Proxy).Reset) }

func (l link) down() { l.each((*redistest.Proxy).Down) }

func (l link) up() { l.each((*redistest.Proxy).Up) }

func (l link) catch(caught func(reply []byte) bool) {
	l.each(func(p *redistest.Proxy) { p.Catch(caught) })
}

// readTimeout is how long a replica waits for a reply of Redis.
const readTimeout = time.Second

// linkFaults returns the faults of the link of one replica.
func (s *Stage) linkFaults() []nemesis.Fault {
	impair := func(name string, longest time.Duration, how func(*rand.Rand) redistest.Impairment) nemesis.Fault {
		return nemesis.Fault{Name: name, Lane: nemesis.Links, Min: longest / 4, Max: longest,
			Begin: func(random *rand.Rand, _ time.Duration) func() {
				link := s.any(random).link
				link.impair(how(random), random.Uint64())
				return func() { link.impair(redistest.Impairment{}, 0) }
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
		impair("late and early replies", 4*time.Second, func(*rand.Rand) redistest.Impairment {
			return redistest.Impairment{Delay: readTimeout * 3 / 2, Vary: true}
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
			link.reset()
			return link.reset
		}}
}

func (s *Stage) linkDown() nemesis.Fault {
	return nemesis.Fault{Name: "link down", Lane: nemesis.Links, Min: time.Second / 4, Max: 4 * time.Second,
		Begin: func(random *rand.Rand, _ time.Duration) func() {
			link := s.any(random).link
			link.down()
			return link.up
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
			r.link.catch(func(reply []byte) bool {
				isRead := reply[0] == '$' // the servers tell who they are with lists
				if isRead {
					process.Signal(syscall.SIGSTOP)
				}
				return isRead
			})
			return func() {
				r.link.catch(nil)
				process.Signal(syscall.SIGCONT)
			}
		},
	}
}

// resetAfterRecord resets the connections of a replica whenever Redis has saved a record and nothing else, as it does
// for the first message of a conversation. The pointer is not set then. Faults of this lane do not replace each other's
// Catch.
func (s *Stage) resetAfterRecord() nemesis.Fault {
	return nemesis.Fault{
		Name: "reset before a pointer", Lane: nemesis.Replicas, Min: time.Second, Max: 4 * time.Second,
		Begin: func(random *rand.Rand, _ time.Duration) func() {
			link := s.any(random).link
			link.catch(func(reply []byte) bool {
				if bytes.HasPrefix(reply, []byte(":1\r\n")) && !bytes.Contains(reply, []byte("$")) {
					link.reset()
				}
				return false
			})
			return func() { link.catch(nil) }
		},
	}
}
