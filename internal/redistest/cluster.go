package redistest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// slots is the number of slots of a Cluster.
const slots = 16384

// Cluster is a Redis Cluster on loopback ports.
type Cluster struct {
	Primaries []*Server // at the start, each has an equal share of the slots
	Replicas  []*Server // none, or one for each primary, with the same index
}

// StartCluster starts primaries, and a replica for each if replicated is true. It waits until all nodes know each
// other. The other shards still work when one shard is down. All nodes have the options o.
func StartCluster(tb testing.TB, primaries int, replicated bool, o Options) *Cluster {
	tb.Helper()
	c := &Cluster{}
	for range primaries {
		c.Primaries = append(c.Primaries, startNode(tb, o))
	}
	for i, p := range c.Primaries {
		c.AddShare(p, i)
		p.CLI("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	if replicated {
		for range primaries {
			c.Replicas = append(c.Replicas, startNode(tb, o))
		}
	}
	nodes := c.Nodes()
	for _, node := range nodes[1:] {
		nodes[0].Meet(node)
	}
	for _, node := range nodes {
		node.await("CLUSTER INFO", fmt.Sprintf("cluster_known_nodes:%d\r", len(nodes)))
		node.AwaitSlots()
	}
	c.replicate()
	return c
}

func startNode(tb testing.TB, o Options) *Server {
	tb.Helper()
	o.isNode = true
	o.Args = append(slices.Clone(o.Args), "--cluster-node-timeout", failoverTime, "--cluster-require-full-coverage",
		"no",
		"--repl-diskless-sync-delay", "0")
	return Start(tb, o)
}

// Meet makes a node of a Cluster know another node.
func (s *Server) Meet(other *Server) {
	s.CLI("CLUSTER", "MEET", host, strconv.Itoa(other.port), strconv.Itoa(other.bus))
}

// replicate makes each replica follow its primary, and waits until all nodes know this.
func (c *Cluster) replicate() {
	for i, r := range c.Replicas {
		id := c.Primaries[i].CLI("CLUSTER", "MYID")
		r.await("CLUSTER NODES", id)
		r.await("CLUSTER REPLICATE "+id, "OK")
	}
	for i := range c.Replicas {
		c.Primaries[i].awaitReplicas(1)
	}
	for _, node := range c.Nodes() {
		node.awaitThat("CLUSTER NODES", func(answer string) bool {
			return strings.Count(answer, "slave ") == len(c.Replicas) && !strings.Contains(answer, "handshake")
		})
	}
}

// AwaitSlots waits until a node of a Cluster knows which node serves each slot.
func (s *Server) AwaitSlots() {
	s.tb.Helper()
	s.await("CLUSTER INFO", "cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", slots))
}

// Nodes returns all nodes. The primaries come first.
func (c *Cluster) Nodes() []*Server { return slices.Concat(c.Primaries, c.Replicas) }

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string { return addrs(c.Nodes()) }

// Share returns the first and the last slot of a primary at the start.
func (c *Cluster) Share(primary int) (first, last int) {
	n := len(c.Primaries)
	return primary * slots / n, (primary+1)*slots/n - 1
}

// AddShare gives a server the slots that a primary has at the start.
func (c *Cluster) AddShare(s *Server, primary int) {
	first, last := c.Share(primary)
	s.CLI("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
}
