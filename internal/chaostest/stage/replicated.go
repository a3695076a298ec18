package stage

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/chaostest/nemesis"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// Absence is for how long a primary is away.
type Absence bool

const (
	// UntilReplaced keeps a primary away for six seconds, and until all other servers follow its successor. No message
	// may be lost then.
	UntilReplaced Absence = false
	// Short lets a primary come back while its successor takes over. Redis may then lose what WAIT has confirmed.
	Short Absence = true
)

const (
	// shortest is longer than a failover takes: 3 s until the primary counts as away, and about a second more.
	shortest = 6 * time.Second
	// pause is too short for a failover.
	pause = 2 * time.Second
	// lag is how long a primary that is cut off from its replicas takes messages alone.
	lag = time.Second
)

// shard is a primary and its replicas. The roles may have changed since the start.
type shard []*redistest.Server

// addrs returns the addresses of the servers.
func (s shard) addrs() (all []string) {
	for _, server := range s {
		all = append(all, server.Addr())
	}
	return all
}

// role returns the role of a server; "" if it does not answer.
func role(s *redistest.Server) string {
	reply, err := redis.Values(do(s, "ROLE"))
	if err != nil {
		return ""
	}
	name, _ := redis.String(reply[0], nil)
	return name
}

// primary returns the primary if all other servers of the shard follow it and have its data; otherwise nil.
func (s shard) primary() *redistest.Server {
	for _, server := range s {
		info, err := redis.String(do(server, "INFO", "replication"))
		if err == nil && field(info, "role") == "master" && strings.Count(info, "state=online") == len(s)-1 {
			return server
		}
	}
	return nil
}

// others returns the servers other than one.
func (s shard) others(one *redistest.Server) (rest shard) {
	for _, server := range s {
		if server != one {
			rest = append(rest, server)
		}
	}
	return rest
}

// replicated is a Redis of shards with replicas, and its faults.
type replicated struct {
	*Stage
	shards  []shard
	absence Absence
}

// faults returns the faults that Sentinel and Cluster have in common.
func (s replicated) faults() []nemesis.Fault {
	low, high := shortest, shortest+2*time.Second
	if s.absence == Short {
		low, high = pause, shortest
	}
	return []nemesis.Fault{
		s.withPrimary("primary SIGKILL", low, high, func(_ shard, p *redistest.Server) func() {
			p.Kill()
			return func() { s.restart(p) }
		}),
		s.withPrimary("primary SIGKILL, cut off before", lag+low, lag+high, func(_ shard, p *redistest.Server) func() {
			s.cutOff(p)
			p.Kill()
			return func() { s.restart(p) }
		}),
		s.withPrimary("primary SIGSTOP", low, high, func(_ shard, p *redistest.Server) func() {
			p.Pause()
			return p.Resume
		}),
		s.withPrimary("primary SIGSTOP, no failover", pause/4, pause, func(_ shard, p *redistest.Server) func() {
			p.Pause()
			return p.Resume
		}),
		s.trouble("replica SIGKILL", pause/4, pause, func(random *rand.Rand, _ time.Duration) func() {
			one := s.shards[random.IntN(len(s.shards))]
			p := one.primary()
			if p == nil {
				return nil
			}
			replica := one.others(p)[random.IntN(len(one)-1)]
			replica.Kill()
			return func() { s.restart(replica) }
		}),
		s.command("SCRIPT FLUSH", pause/2, s.servers, "SCRIPT FLUSH", "SCRIPT FLUSH"),
		s.command("CLIENT KILL", pause/2, s.servers, "CLIENT KILL TYPE normal", "CLIENT KILL TYPE normal"),
	}
}

// withPrimary returns a fault of a primary whose replicas have its data. If the fault may lead to a failover, it ends
// only after it. If no primary has all of its replicas yet, nothing is broken.
func (s replicated) withPrimary(
	name string, low, high time.Duration, begin func(shard, *redistest.Server) (end func()),
) nemesis.Fault {
	return s.trouble(name, low, high, func(random *rand.Rand, _ time.Duration) func() {
		one := s.shards[random.IntN(len(s.shards))]
		p := one.primary()
		if p == nil {
			s.tb.Logf("%s: no primary has all of its replicas", name)
			return nil
		}
		end := begin(one, p)
		return func() {
			if low >= shortest {
				s.awaitSuccessor(one.others(p))
			}
			end()
		}
	})
}

// cutOff cuts a primary off from its replicas for a moment. On one host, replication is so fast that a primary that is
// killed otherwise leaves nothing behind.
func (s replicated) cutOff(p *redistest.Server) {
	one := []*redistest.Server{p}
	s.tell(one, "ACL SETUSER default -psync -sync") // until it starts again
	s.tell(one, "CLIENT KILL TYPE replica")
	time.Sleep(lag)
}

// awaitSuccessor waits until one of the servers is the primary, and all others follow it.
func (s replicated) awaitSuccessor(rest shard) {
	webhooktest.Wait(s.tb, "the failover", func() bool { return rest.primary() != nil })
}

func (s replicated) restart(server *redistest.Server) {
	if err := server.Restart(); err != nil {
		s.tb.Error(err)
	}
}

// servers returns all servers that answer.
func (s replicated) servers() (all []*redistest.Server) {
	for _, one := range s.shards {
		for _, server := range one {
			if role(server) != "" {
				all = append(all, server)
			}
		}
	}
	return all
}

// Sentinel starts a primary with two replicas and three Sentinels. Changes wait for some replicas.
func Sentinel(tb testing.TB, wait int, a Absence) Redis {
	all := redistest.StartSentinels(tb, 2, 3, redistest.Options{AppendOnly: true})
	one := append(shard{all.Primary}, all.Replicas...)
	url := "redis+sentinel://" + strings.Join(all.Addrs(), ",") + "/" + redistest.PrimaryName
	return Redis{
		Name: "Sentinel", WaitReplicas: wait, Settle: pause, operator: operate(tb, url, wait),
		addrs:   append(one.addrs(), all.Addrs()...),
		url:     func() string { return url },
		servers: func() ([]*redistest.Server, error) { return one.named(all.Sentinels) },
		faults: func(s *Stage) []nemesis.Fault {
			r := replicated{s, []shard{one}, a}
			watcher := s.trouble("Sentinel SIGKILL", pause/4, pause, func(random *rand.Rand, _ time.Duration) func() {
				watcher := all.Sentinels[random.IntN(len(all.Sentinels))]
				watcher.Kill()
				return func() {
					r.restart(watcher)
					watcher.LimitTilt()
				}
			})
			return append(r.faults(), watcher)
		},
	}
}

// named returns the primary that the Sentinels name. A former primary that comes back believes for ten seconds that it
// still is one.
func (s shard) named(sentinels shard) (primary []*redistest.Server, err error) {
	for _, sentinel := range sentinels {
		addr, failed := redis.Strings(do(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.PrimaryName))
		if err = failed; err != nil {
			continue
		}
		for _, server := range s {
			if server.Addr() == net.JoinHostPort(addr[0], addr[1]) {
				return []*redistest.Server{server}, nil
			}
		}
	}
	return nil, err
}

// Cluster starts three primaries with a replica each. Changes wait for some replicas.
func Cluster(tb testing.TB, wait int, a Absence) Redis {
	all := redistest.StartCluster(tb, 3, true, redistest.Options{AppendOnly: true})
	var shards []shard
	for i, p := range all.Primaries {
		shards = append(shards, shard{p, all.Replicas[i]})
	}
	url := "redis+cluster://" + strings.Join(all.Addrs(), ",")
	return Redis{
		Name: "Cluster", WaitReplicas: wait, Settle: pause, operator: operate(tb, url, wait), addrs: all.Addrs(),
		url:     func() string { return url },
		servers: func() ([]*redistest.Server, error) { return all.Nodes(), nil },
		faults: func(s *Stage) []nemesis.Fault {
			r := replicated{s, shards, a}
			failover := r.withPrimary("CLUSTER FAILOVER", pause/2, pause, func(one shard, p *redistest.Server) func() {
				s.tell(one.others(p), "CLUSTER FAILOVER")
				return func() {}
			})
			return append(r.faults(), failover)
		},
	}
}
