package redistest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cluster is a Redis Cluster on loopback ports.
type Cluster struct {
	Primaries []*Server // each has an equal share of the slots
	Replicas  []*Server // as many, or none: each is the replica of the primary with the same index
	buses     map[*Server]int
}

// slots is how many a Cluster has.
const slots = 16384

// StartCluster starts primaries, with a replica each if asked, and waits until they agree. A shard that is down does not
// stop the others. The options are every node's.
func StartCluster(tb testing.TB, primaries int, replicated bool, o Options) *Cluster {
	tb.Helper()
	c := &Cluster{buses: map[*Server]int{}}
	for range primaries {
		c.Primaries = append(c.Primaries, c.start(tb, o))
	}
	for i, p := range c.Primaries {
		first, last := c.Share(i)
		p.CLI("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		p.CLI("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	if replicated {
		for range primaries {
			c.Replicas = append(c.Replicas, c.start(tb, o))
		}
	}
	nodes := c.Nodes()
	for _, node := range nodes[1:] {
		nodes[0].CLI("CLUSTER", "MEET", host, strconv.Itoa(node.Port()), strconv.Itoa(c.buses[node]))
	}
	for _, node := range nodes {
		node.await("CLUSTER INFO", func(answer string) bool {
			return strings.Contains(answer, "cluster_state:ok") && strings.Contains(answer, fmt.Sprintf("cluster_slots_ok:%d", slots)) &&
				strings.Contains(answer, fmt.Sprintf("cluster_known_nodes:%d", len(nodes)))
		})
	}
	c.replicate()
	return c
}

func (c *Cluster) start(tb testing.TB, o Options) *Server {
	tb.Helper()
	// Without a port of its own the bus uses the port plus 10000, which may be no port.
	bus := FreePort(tb)
	o.Args = append(slices.Clone(o.Args), "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
		"--cluster-node-timeout", strconv.Itoa(failoverTime), "--cluster-require-full-coverage", "no",
		"--repl-diskless-sync-delay", "0")
	s := Start(tb, o)
	c.buses[s] = bus
	return s
}

// replicate gives each primary its replica, and waits until everybody knows.
func (c *Cluster) replicate() {
	for i, r := range c.Replicas {
		id := c.Primaries[i].CLI("CLUSTER", "MYID")
		r.await("CLUSTER NODES", func(answer string) bool { return strings.Contains(answer, id) })
		r.await("CLUSTER REPLICATE "+id, func(answer string) bool { return answer == "OK" })
	}
	for i := range c.Replicas {
		c.Primaries[i].streamed(1)
	}
	for _, node := range c.Nodes() {
		node.await("CLUSTER NODES", func(answer string) bool {
			return strings.Count(answer, "slave ") == len(c.Replicas) && !strings.Contains(answer, "handshake")
		})
	}
}

// Nodes returns all nodes, the primaries first.
func (c *Cluster) Nodes() []*Server { return slices.Concat(c.Primaries, c.Replicas) }

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, node := range c.Nodes() {
		addrs = append(addrs, node.Addr())
	}
	return addrs
}

// Share returns the first and the last slot of those that the i-th primary was given at the start.
func (c *Cluster) Share(i int) (first, last int) {
	n := len(c.Primaries)
	return i * slots / n, (i+1)*slots/n - 1
}

// Remove removes a primary from the Cluster and gives its slots, without their keys, to another one. It sends what
// `redis-cli --cluster del-node` sends. The node lives on, and knows no slots.
func (c *Cluster) Remove(leaving, heir *Server) {
	id := leaving.CLI("CLUSTER", "MYID")
	var share []string
	for i, p := range c.Primaries {
		if first, last := c.Share(i); p == leaving {
			share = []string{"CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)}
		}
	}
	leaving.CLI("FLUSHALL")
	for _, node := range c.Nodes() {
		if node != leaving {
			node.CLI("CLUSTER", "FORGET", id)
		}
	}
	leaving.CLI("CLUSTER", "RESET", "SOFT")
	heir.CLI(share...)
	for _, node := range c.Nodes() {
		if node != leaving {
			node.await("CLUSTER INFO", func(answer string) bool { return strings.Contains(answer, fmt.Sprintf("cluster_slots_ok:%d", slots)) })
		}
	}
}

// Join makes a node, which may come from another Cluster, a part of this one. It has no slots.
func (c *Cluster) Join(node *Server) {
	first := c.Primaries[0]
	node.CLI("CLUSTER", "MEET", host, strconv.Itoa(first.Port()), strconv.Itoa(c.buses[first]))
	node.await("CLUSTER INFO", func(answer string) bool { return strings.Contains(answer, fmt.Sprintf("cluster_slots_ok:%d", slots)) })
}

// StartLone starts a node of a Cluster that knows no other node, and serves only the slots from first to last.
func StartLone(tb testing.TB, first, last int) *Server {
	tb.Helper()
	c := &Cluster{buses: map[*Server]int{}}
	s := c.start(tb, Options{})
	s.CLI("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
	s.await("CLUSTER INFO", func(answer string) bool { return strings.Contains(answer, "cluster_state:ok") })
	return s
}

// HoldFailover keeps the replicas from taking over until [Cluster.FailOver] lets one do so: a shard is then away for as
// long as a test needs to look at the others, however busy the machine is.
func (c *Cluster) HoldFailover() {
	for _, r := range c.Replicas {
		r.setNoFailover("yes")
	}
}

// FailOver lets the i-th replica take over from its primary, which is away, and waits until it has. It does not stand
// for election before everybody knows that it must: one that is lost is held again after four time-outs only, 12 s.
func (c *Cluster) FailOver(i int) {
	for _, node := range c.Nodes() {
		if node == c.Primaries[i] {
			continue
		}
		node.await("CLUSTER NODES", func(answer string) bool {
			_, after, _ := strings.Cut(answer, " "+c.Primaries[i].Addr()+"@")
			line, _, _ := strings.Cut(after, "\n")
			return strings.Contains(line, " master,fail ")
		})
	}
	c.Replicas[i].setNoFailover("no")
	c.Replicas[i].await("ROLE", func(answer string) bool { return strings.HasPrefix(answer, "master") })
}

func (s *Server) setNoFailover(value string) {
	s.await("CONFIG SET cluster-replica-no-failover "+value, func(answer string) bool { return answer == "OK" })
}

// Reshard moves slots from one primary to another as an operator does, with redis-cli, which moves the lowest first.
func (c *Cluster) Reshard(from, to *Server, n int) error {
	// It takes a few milliseconds a slot.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", "--cluster", "reshard", from.Addr(), "--cluster-from", from.CLI("CLUSTER", "MYID"),
		"--cluster-to", to.CLI("CLUSTER", "MYID"), "--cluster-slots", strconv.Itoa(n), "--cluster-yes").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("ERR")) {
		return fmt.Errorf("redistest: move %d slots: %w\n%s", n, err, out)
	}
	return nil
}
