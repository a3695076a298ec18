package redispool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// keysOn returns a key for each primary, in the order of the primaries.
func keysOn(t *testing.T, c *redistest.Cluster) []string {
	t.Helper()
	keys := make([]string, len(c.Primaries))
	for n, left := 0, len(keys); left > 0; n++ {
		key := fmt.Sprint("key", n)
		if i := redisc.Slot(key) * len(keys) / redisc.HashSlots; keys[i] == "" {
			keys[i] = key
			left--
		}
	}
	return keys
}

// remove removes a primary from a Cluster, as `redis-cli --cluster del-node` does, and gives its slots to another
// primary without their keys. The removed node still runs, but knows no slots.
func remove(c *redistest.Cluster, leaving int, heir *redistest.Server) {
	removed := c.Primaries[leaving]
	rest := slices.DeleteFunc(c.Nodes(), func(node *redistest.Server) bool { return node == removed })
	id := removed.CLI("CLUSTER", "MYID")
	removed.CLI("FLUSHALL")
	for _, node := range rest {
		node.CLI("CLUSTER", "FORGET", id)
	}
	removed.CLI("CLUSTER", "RESET", "SOFT")
	c.AddShare(heir, leaving)
	for _, node := range rest {
		node.AwaitSlots()
	}
}

func set(p pool, key, value string) error {
	_, err := do(p, "SET", key, value)
	return err
}

func TestClusterPipeline(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	keys := keysOn(t, cluster)
	c := open(t, redispool.Options{URL: inCluster(cluster.Addrs()[0]), Timeout: patient}).Get()
	defer c.Close()
	look := redistest.Conn(t, cluster.Primaries[1].Addr())
	for name, order := range map[string][]string{
		"the last command does not wait for the first one": {keys[0], keys[1]},
		"the first command does not wait for the last one": {keys[1], keys[0]},
	} {
		t.Run(name, func(t *testing.T) {
			cluster.Primaries[0].Pause()
			defer cluster.Primaries[0].Resume()
			var group sync.WaitGroup
			group.Go(func() { // the paused node continues after the other node has executed its command
				for got := ""; got != name && t.Context().Err() == nil; {
					got, _ = redis.String(look.Do("GET", keys[1]))
				}
				cluster.Primaries[0].Resume()
			})
			for _, key := range order {
				c.Send("SET", key, name)
			}
			c.Flush()
			for range order {
				if _, err := c.Receive(); err != nil {
					t.Error(err)
				}
			}
			group.Wait()
		})
	}
}

func TestClusterReshard(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]int{"a command follows its key": 0,
		"a command that waits for replicas follows its key": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t, 3, wait > 0, redistest.Options{})
			followKey(t, cluster, open(t, redispool.Options{URL: inCluster(cluster.Addrs()...), WaitReplicas: wait,
				Timeout: patient}))
		})
	}
}

// followKey moves a key from one primary to another and changes it at each stage.
func followKey(t *testing.T, cluster *redistest.Cluster, p pool) {
	t.Helper()
	key := keysOn(t, cluster)[0]
	from, to := cluster.Primaries[0], cluster.Primaries[1]
	slot, fromID, toID := strconv.Itoa(redisc.Slot(key)), from.CLI("CLUSTER", "MYID"), to.CLI("CLUSTER", "MYID")
	count := redis.NewScript(1, "return redis.call('INCR', KEYS[1])")
	counts := func(want int) {
		t.Helper()
		c := p.Get()
		defer c.Close()
		if got, err := redis.Int(count.Do(c, key)); got != want || err != nil {
			t.Errorf("the count is %d, %v, want %d", got, err, want)
		}
	}
	counts(1)
	to.CLI("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.CLI("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	counts(2) // the key is still on the first primary
	if out := from.CLI("MIGRATE", "127.0.0.1", strconv.Itoa(to.Port()), key, "0", "5000"); out != "OK" {
		t.Fatalf("MIGRATE: %s", out)
	}
	counts(3) // ASK
	counts(4)
	for _, s := range []*redistest.Server{to, from, cluster.Primaries[2]} {
		s.CLI("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	counts(5) // MOVED
	counts(6)
	if got := to.CLI("GET", key); got != "6" {
		t.Errorf("the new node of the key has %q", got)
	}
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	t.Run("the replica that has replaced a hanging node gets its commands", func(t *testing.T) {
		t.Parallel()
		cluster := redistest.StartCluster(t, 3, true, redistest.Options{})
		p := open(t, redispool.Options{URL: inCluster(cluster.Addrs()...)})
		key := keysOn(t, cluster)[0]
		eventually(t, func() error { return set(p, key, "before") })
		cluster.Primaries[0].Pause()
		defer cluster.Primaries[0].Resume()
		eventually(t, func() error { return set(p, key, "after") })
		if got := cluster.Replicas[0].CLI("GET", key); got != "after" {
			t.Errorf("the replica has %q", got)
		}
	})
	t.Run("a Cluster is found again after all nodes behind one name have moved", func(t *testing.T) {
		t.Parallel()
		old := redistest.StartCluster(t, 1, false, redistest.Options{})
		var addr atomic.Pointer[string]
		addr.Store(&old.Addrs()[0])
		l := listen(t, "127.0.0.1:0")
		go forward(l, func() string { return *addr.Load() })
		p := open(t, redispool.Options{URL: inCluster(l.Addr().String()), Timeout: patient})
		if err := set(p, "key", "value"); err != nil {
			t.Fatal(err)
		}
		old.Primaries[0].Kill()
		addr.Store(&redistest.StartCluster(t, 1, false, redistest.Options{}).Addrs()[0])
		eventually(t, func() error { return set(p, "key", "value") })
	})
	t.Run("a hanging node is not flooded with connections", func(t *testing.T) {
		t.Parallel()
		cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
		p := open(t, redispool.Options{URL: inCluster(cluster.Addrs()...)})
		key := keysOn(t, cluster)[0]
		eventually(t, func() error { return set(p, key, "value") })
		hangs := cluster.Primaries[0]
		look := redistest.Conn(t, hangs.Addr())
		before := info(t, look, "total_connections_received")
		hangs.Pause()
		defer hangs.Resume()
		for range 20 {
			if _, err := do(p, "GET", key); !isNetwork(err) {
				t.Errorf("a paused node: %v, want an error of the network", err)
			}
		}
		hangs.Resume() // it now counts the connections that the kernel has accepted
		if tries := info(t, look, "total_connections_received") - before; tries > 10 {
			t.Errorf("twenty commands made %d connections to a node that hangs", tries)
		}
		eventually(t, func() error { _, err := do(p, "GET", key); return err })
	})
}

func TestClusterFirstContact(t *testing.T) {
	t.Parallel()
	t.Run("all callers share the first contact", func(t *testing.T) {
		var nodes []func() int
		var addrs []string
		for range 3 {
			l := listen(t, "127.0.0.1:0")
			nodes, addrs = append(nodes, silent(t, l)), append(addrs, l.Addr().String())
		}
		p := open(t, redispool.Options{URL: inCluster(addrs...)})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := do(p, "GET", "key"); !isTimeout(err) {
					t.Errorf("got %v, want a time-out", err)
				}
			})
			group.Go(func() {
				if _, err := p.GetContext(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("a caller that gives up gets %v", err)
				}
			})
		}
		for i, accepted := range nodes {
			eventually(t, func() error {
				if accepted() == 0 {
					return fmt.Errorf("node %d was not asked", i)
				}
				return nil
			})
		}
		cancel()
		group.Wait()
		for i, accepted := range nodes {
			if n := accepted(); n > 2 {
				t.Errorf("16 callers made %d connections to node %d", n, i)
			}
		}
	})
	t.Run("the pool does not wait for silent nodes if another one answers", func(t *testing.T) {
		cluster := redistest.StartCluster(t, 1, false, redistest.Options{})
		hangs := listen(t, "127.0.0.1:0")
		silent(t, hangs)
		p := open(t, redispool.Options{URL: inCluster(hangs.Addr().String(), cluster.Addrs()[0])})
		if err := ping(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
	single, away := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	away.Kill()
	cluster := redistest.StartCluster(t, 1, false, redistest.Options{})
	for _, row := range []struct {
		name        string
		url         redisurl.URL
		ok, refused bool
	}{
		{"a node that is down is skipped", inCluster(cluster.Addrs()[0], away.Addr()), true, false},
		{"if all nodes are down, the error is not a refusal", inCluster(away.Addr()), false, false},
		{"a server outside a Cluster is refused", inCluster(single.Addr()), false, true},
		{"a node of a Cluster is refused as a single server", at(cluster.Addrs()[0]), false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := ping(t.Context(), open(t, redispool.Options{URL: row.url}))
			if (err == nil) != row.ok || redispool.Refused(err) != row.refused {
				t.Errorf("got %v, which is a refusal: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
}

func TestClusterNodeThatWasRemoved(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	keys := keysOn(t, cluster)
	removed := cluster.Primaries[0]
	old := open(t, redispool.Options{URL: inCluster(removed.Addr()), Timeout: patient})
	if err := set(old, keys[0], "before"); err != nil {
		t.Fatal(err)
	}
	remove(cluster, 0, cluster.Primaries[1])
	t.Run("a pool that knew the Cluster before finds the other nodes", func(t *testing.T) {
		for _, key := range keys {
			eventually(t, func() error { return set(old, key, "after") })
		}
	})
	t.Run("a pool that can ask another node ignores the removed node", func(t *testing.T) {
		for range 10 { // in some of the ten runs, the removed node answers first
			p := open(t, redispool.Options{URL: inCluster(removed.Addr(), cluster.Primaries[2].Addr()),
				Timeout: patient})
			for _, key := range keys {
				if err := set(p, key, "after"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("a pool with only the removed node fails until the node is in the Cluster again", func(t *testing.T) {
		p := open(t, redispool.Options{URL: inCluster(removed.Addr()), Timeout: patient})
		if err := set(p, keys[0], "after"); err == nil || redispool.Refused(err) ||
			!strings.Contains(err.Error(), removed.Addr()) {
			t.Errorf("got %v, want an error that contains the node and is not a refusal", err)
		}
		removed.Meet(cluster.Primaries[1])
		removed.AwaitSlots()
		eventually(t, func() error { return set(p, keys[0], "after") })
	})
}

func TestClusterNodeInAnotherCluster(t *testing.T) {
	t.Parallel()
	cluster, other := redistest.StartCluster(t, 3, false, redistest.Options{}), redistest.StartCluster(t, 1, false,
		redistest.Options{})
	keys := keysOn(t, cluster)
	removed := cluster.Primaries[0]
	p, redirected := open(t, redispool.Options{URL: inCluster(removed.Addr())}), open(t,
		redispool.Options{URL: inCluster(removed.Addr())})
	for _, pool := range []pool{p, redirected} {
		eventually(t, func() error { return set(pool, keys[0], "before") })
	}
	remove(cluster, 0, cluster.Primaries[1])
	removed.Meet(other.Primaries[0])
	removed.AwaitSlots()
	// The first reply is a redirection to the other Cluster.
	eventually(t, func() error { return set(redirected, keys[0], "after") })
	// Now only the node that left the Cluster answers. It is also the node in the URL.
	for _, s := range cluster.Primaries[1:] {
		s.Pause()
	}
	for range 3 {
		if err := set(p, keys[1], "lost"); err == nil {
			t.Error("a command succeeded while the Cluster did not answer")
		}
	}
	for _, s := range cluster.Primaries[1:] {
		s.Resume()
	}
	for _, key := range keys {
		eventually(t, func() error { return set(p, key, "after") })
	}
	if got := other.Primaries[0].CLI("DBSIZE"); got != "0" {
		t.Errorf("the other Cluster has %s keys", got)
	}
}

func TestClusterWithAnIncompleteLayout(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	keys := keysOn(t, cluster)
	lone := redistest.StartCluster(t, 1, false, redistest.Options{}).Primaries[0]
	if got := lone.CLI("CLUSTER", "DELSLOTSRANGE", "5461", "16383"); got != "OK" {
		t.Fatal(got)
	}
	incomplete := lone.Addr()
	t.Run("a complete layout is used even if an incomplete one comes first", func(t *testing.T) {
		for range 10 {
			p := open(t, redispool.Options{URL: inCluster(incomplete, cluster.Primaries[1].Addr()), Timeout: patient})
			for _, key := range keys {
				if err := set(p, key, "value"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("a complete layout is used as soon as a node returns it", func(t *testing.T) {
		late := redistest.StartProxy(t, cluster.Primaries[1].Addr())
		late.Down()
		p := open(t, redispool.Options{URL: inCluster(incomplete, late.Addr()), Timeout: patient})
		if err := set(p, keys[0], "value"); err != nil {
			t.Error(err)
		}
		late.Up()
		for _, key := range keys {
			eventually(t, func() error { return set(p, key, "value") })
		}
	})
}

func TestClusterWithUnknownEndpoints(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"unknown-endpoint", "hostname"} { // the nodes have no host names
		t.Run("the host that answered is used with the endpoint type "+kind, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t, 3, false,
				redistest.Options{Args: []string{"--cluster-preferred-endpoint-type", kind}})
			// The first node in the URL has a host that no other node has.
			away := "127.0.0.9:" + strconv.Itoa(redistest.ReservePort(t))
			p := open(t, redispool.Options{URL: inCluster(away, cluster.Primaries[2].Addr()), Timeout: patient})
			for _, key := range keysOn(t, cluster) {
				if err := set(p, key, "value"); err != nil {
					t.Error(err)
				}
				if _, err := do(p, "DEL", key); err != nil {
					t.Error(err)
				}
			}
			followKey(t, cluster, p) // the redirections contain no host either
		})
	}
}
