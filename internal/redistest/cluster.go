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

// StartCluster starts primaries, and a replica for each if replicated is true. It waits until all nodes know each other.
// The other shards still work when one shard is down. All nodes have the options o.
func StartCluster(tb testing.TB, primaries int, replicated bool, o Options) *Cluster {
	tb.Helper()
	c := &Cluster{}
	for range primaries {
		c.Primaries = append(c.Primaries, startNode(tb, o))
	}
	for i, p := range c.Primaries {
		p.CLI(c.addSlots(i)...)
		p.CLI("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	if replicated {
		for range primaries {
			c.Replicas = append(c.Replicas, startNode(tb, o))
		}
	}
	nodes := c.Nodes()
	for _, node := range nodes[1:] {
		nodes[0].meet(node)
	}
	for _, node := range nodes {
		node.await("CLUSTER INFO", fmt.Sprintf("cluster_known_nodes:%d\r", len(nodes)))
		node.awaitSlots()
	}
	c.replicate()
	return c
}

// StartLone starts a Cluster node that knows no other node and serves only the slots from first to last.
func StartLone(tb testing.TB, first, last int) *Server {
	tb.Helper()
	s := startNode(tb, Options{})
	s.CLI("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
	s.await("CLUSTER INFO", "cluster_state:ok")
	return s
}

func startNode(tb testing.TB, o Options) *Server {
	tb.Helper()
	bus := strconv.Itoa(FreePort(tb)) // the default, the port plus 10000, can be too large
	o.Args = append(slices.Clone(o.Args), "--cluster-enabled", "yes", "--cluster-port", bus,
		"--cluster-node-timeout", failoverTime, "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0")
	return Start(tb, o)
}

// meet makes a node know another one.
func (s *Server) meet(other *Server) {
	bus := strings.TrimPrefix(other.CLI("CONFIG", "GET", "cluster-port"), "cluster-port\n")
	s.CLI("CLUSTER", "MEET", host, strconv.Itoa(other.Port()), bus)
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

// awaitSlots waits until a node knows which node serves each slot.
func (s *Server) awaitSlots() {
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

func (c *Cluster) addSlots(primary int) []string {
	first, last := c.Share(primary)
	return []string{"CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)}
}

// Remove removes a primary from the Cluster, as `redis-cli --cluster del-node` does, and gives its slots to another one
// without their keys. The removed node still runs, but knows no slots.
func (c *Cluster) Remove(leaving, heir *Server) {
	id := leaving.CLI("CLUSTER", "MYID")
	rest := slices.DeleteFunc(c.Nodes(), func(node *Server) bool { return node == leaving })
	leaving.CLI("FLUSHALL")
	for _, node := range rest {
		node.CLI("CLUSTER", "FORGET", id)
	}
	leaving.CLI("CLUSTER", "RESET", "SOFT")
	heir.CLI(c.addSlots(slices.Index(c.Primaries, leaving))...)
	for _, node := range rest {
		node.awaitSlots()
	}
}

// Join adds a node, which may come from another Cluster, without slots.
func (c *Cluster) Join(node *Server) {
	node.meet(c.Primaries[0])
	node.awaitSlots()
}

// HoldFailover keeps the replicas from replacing their primaries until [Cluster.FailOver] is called. A shard is then
// away for as long as a test needs, even on a busy machine.
func (c *Cluster) HoldFailover() {
	for _, r := range c.Replicas {
		r.setNoFailover("yes")
	}
}

// FailOver lets a replica replace its primary, which must be away, and waits until it has. The election begins after all
// nodes have noticed that the primary is away. A replica that loses an election waits for 12 s.
func (c *Cluster) FailOver(primary int) {
	for _, node := range c.Nodes() {
		if node == c.Primaries[primary] {
			continue
		}
		node.awaitThat("CLUSTER NODES", func(answer string) bool {
			_, after, _ := strings.Cut(answer, " "+c.Primaries[primary].Addr()+"@")
			line, _, _ := strings.Cut(after, "\n")
			return strings.Contains(line, " master,fail ")
		})
	}
	c.Replicas[primary].setNoFailover("no")
	c.Replicas[primary].awaitThat("ROLE", func(answer string) bool { return strings.HasPrefix(answer, "master") })
}

func (s *Server) setNoFailover(value string) {
	s.await("CONFIG SET cluster-replica-no-failover "+value, "OK")
}

// Reshard moves n slots from one primary to another with redis-cli, as an operator does. redis-cli moves the lowest slots
// first.
func (c *Cluster) Reshard(from, to *Server, n int) error {
	out := from.CLI("--cluster", "reshard", from.Addr(), "--cluster-from", from.CLI("CLUSTER", "MYID"),
		"--cluster-to", to.CLI("CLUSTER", "MYID"), "--cluster-slots", strconv.Itoa(n), "--cluster-yes")
	if strings.Contains(out, "ERR") || !strings.Contains(out, "Moving slot") {
		return fmt.Errorf("redistest: move %d slots: %s", n, out)
	}
	return nil
}
