package redispool_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// clients is how many connections servers have, by their own count.
func clients(t *testing.T, servers ...*redistest.Server) (sum int64) {
	t.Helper()
	for _, s := range servers {
		_, after, _ := strings.Cut(s.CLI("INFO", "clients"), "connected_clients:")
		text, _, _ := strings.Cut(after, "\n")
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n - 1 // the one that asks
	}
	return sum
}

// agree waits until a pool counts as many connections as the servers: they notice the end of one a moment later.
func agree(t *testing.T, p *redispool.Pool, least int64, servers ...*redistest.Server) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		ours, theirs := int64(p.OpenConnections()), clients(t, servers...)
		if ours == theirs && ours >= least {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pool counts %d open connections, Redis %d; want %d at least", ours, theirs, least)
		}
	}
}

func TestOpenConnectionsAreCounted(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	all := openPool(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}})
	p := all.Pool
	agree(t, all, 0, server)
	fill(t, p, 3)
	agree(t, all, 3, server)
	c := p.Get()
	if _, err := c.Do("QUIT"); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Do("PING") // finds out that the server has closed the connection
	c.Close()
	agree(t, all, 2, server)
	all.Close()
	if n := all.OpenConnections(); n != 0 {
		t.Errorf("%d connections are open after the pool was closed", n)
	}
}

func TestOpenConnectionsToAllNodesOfAClusterAreCounted(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	all := openPool(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}})
	p := all.Pool
	for _, key := range keysOn(t, cluster) {
		if _, err := do(p, "GET", key); err != nil {
			t.Fatal(err)
		}
	}
	agree(t, all, 3, cluster.Primaries...)
	all.Close()
	agree(t, all, 0, cluster.Primaries...)
}
