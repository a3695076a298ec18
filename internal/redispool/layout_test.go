package redispool_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestANodeThatWasRemovedIsNotAskedForTheLayout(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	keys := keysOn(t, cluster)
	removed := cluster.Primaries[0]
	// This pool knew the Cluster before the node was removed.
	old := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{removed.Addr()}}, Timeout: patient})
	if _, err := do(old, "SET", keys[0], "before"); err != nil {
		t.Fatal(err)
	}
	cluster.Remove(removed, cluster.Primaries[1])
	t.Run("by a pool that knows the Cluster", func(t *testing.T) {
		for _, key := range keys {
			eventually(t, func() error { _, err := do(old, "SET", key, "after"); return err })
		}
	})
	t.Run("by a pool that can ask another node", func(t *testing.T) {
		for range 10 { // more than once the removed node answers first
			p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{removed.Addr(), cluster.Primaries[2].Addr()}}, Timeout: patient})
			for _, key := range keys {
				if _, err := do(p, "SET", key, "after"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("and a pool that cannot gets the reason, until the node is in the Cluster again", func(t *testing.T) {
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{removed.Addr()}}, Timeout: patient})
		_, err := do(p, "SET", keys[0], "after")
		if err == nil || redispool.Refused(err) || !strings.Contains(err.Error(), removed.Addr()) {
			t.Errorf("the error is %v, want one that names the node and is no refusal", err)
		}
		cluster.Primaries[0] = cluster.Primaries[1]
		cluster.Join(removed)
		eventually(t, func() error { _, err := do(p, "SET", keys[0], "after"); return err })
	})
}

func TestANodeThatJoinedAnotherClusterIsNotFollowed(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	other := redistest.StartCluster(t, 1, false, redistest.Options{})
	keys := keysOn(t, cluster)
	removed := cluster.Primaries[0]
	p, redirected := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{removed.Addr()}}}), open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{removed.Addr()}}})
	for _, pool := range []*redis.Pool{p, redirected} {
		if _, err := do(pool, "SET", keys[0], "before"); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Remove(removed, cluster.Primaries[1])
	other.Join(removed)
	// The first answer is a redirection to the other Cluster.
	eventually(t, func() error { _, err := do(redirected, "SET", keys[0], "after"); return err })
	// For a moment, only the node that left the Cluster can be reached. It is also the node in the settings.
	for _, s := range cluster.Primaries[1:] {
		s.Pause()
	}
	for range 3 {
		if _, err := do(p, "SET", keys[1], "lost"); err == nil {
			t.Error("a command succeeded while the Cluster was away")
		}
	}
	for _, s := range cluster.Primaries[1:] {
		s.Resume()
	}
	for _, key := range keys {
		eventually(t, func() error { _, err := do(p, "SET", key, "after"); return err })
	}
	if got := other.Primaries[0].CLI("DBSIZE"); got != "0" {
		t.Errorf("the other Cluster has %s keys", got)
	}
}

func TestACompleteLayoutIsPreferred(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	keys := keysOn(t, cluster)
	partial := redistest.StartLone(t, 0, 5460).Addr()
	t.Run("to one that comes first", func(t *testing.T) {
		for range 10 {
			p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{partial, cluster.Primaries[1].Addr()}}, Timeout: patient})
			for _, key := range keys {
				if _, err := do(p, "SET", key, "value"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("and it is searched for when a slot is missing", func(t *testing.T) {
		late := redistest.StartProxy(t, cluster.Primaries[1].Addr())
		late.Down()
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{partial, late.Addr()}}, Timeout: patient})
		if _, err := do(p, "SET", keys[0], "value"); err != nil {
			t.Error(err)
		}
		late.Up()
		for _, key := range keys {
			eventually(t, func() error { _, err := do(p, "SET", key, "value"); return err })
		}
	})
}

func TestAnEndpointThatIsNotKnownIsTheHostThatAnswered(t *testing.T) {
	for _, kind := range []string{"unknown-endpoint", "hostname"} { // the nodes have no host names
		t.Run(kind, func(t *testing.T) {
			cluster := redistest.StartCluster(t, 3, false, redistest.Options{Args: []string{"--cluster-preferred-endpoint-type", kind}})
			keys := keysOn(t, cluster)
			// The first node of the settings has a host that no other node has.
			first := "127.0.0.9:" + strconv.Itoa(redistest.FreePort(t))
			p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{first, cluster.Primaries[2].Addr()}}, Timeout: patient})
			for _, key := range keys {
				if _, err := do(p, "SET", key, "value"); err != nil {
					t.Error(err)
				}
				if _, err := do(p, "DEL", key); err != nil {
					t.Error(err)
				}
			}
			followKeys(t, cluster, p) // the redirections contain no host either
		})
	}
}
