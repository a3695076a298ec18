package redispool_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// silent is the address of a server that takes connections and never says anything.
func silent(t *testing.T, accepted *atomic.Int64) string {
	t.Helper()
	return silentAt(t, "127.0.0.1:0", accepted)
}

func silentAt(t *testing.T, addr string, accepted *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
			accepted.Add(1)
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
		for _, c := range held {
			c.Close()
		}
	})
	return l.Addr().String()
}

func TestTheFirstContactWithASilentClusterIsShared(t *testing.T) {
	var accepted atomic.Int64
	addrs := []string{silent(t, &accepted), silent(t, &accepted), silent(t, &accepted)}
	p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: addrs}})
	ctx, cancel := context.WithCancel(t.Context())
	within(t, "a first contact for many", func() {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := do(p, "GET", "key"); !unreachable(err) {
					t.Errorf("%v does not count as the network's", err)
				}
			})
			group.Go(func() {
				if _, err := p.GetContext(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("who gives up is told %v", err)
				}
			})
		}
		eventually(t, func() error {
			if accepted.Load() < int64(len(addrs)) {
				return errors.New("not all nodes have been asked at once")
			}
			return nil
		})
		cancel()
		group.Wait()
	})
	// Each node is asked, and asked once more for what it has to say.
	if n := accepted.Load(); n > int64(2*len(addrs)) {
		t.Errorf("%d connections were made to %d nodes for 16 who wanted one", n, len(addrs))
	}
}

func TestSilentNodesAreNotWaitedForWhereOneAnswers(t *testing.T) {
	var accepted atomic.Int64
	cluster := redistest.StartCluster(t, 1, false, redistest.Options{})
	p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: append([]string{silent(t, &accepted), silent(t, &accepted)}, cluster.Addrs()...)}})
	if err := pingInTime(t, p); err != nil {
		t.Error(err)
	}
}

// It takes connections, as the kernel does that for it, and counts them when it goes on.
func TestANodeThatHangsIsWaitedForOnce(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}})
	keys := keysOn(t, cluster)
	if _, err := do(p, "SET", keys[0], "value"); err != nil {
		t.Fatal(err)
	}
	hangs := cluster.Primaries[0]
	before := connections(t, hangs)
	hangs.Pause()
	defer hangs.Resume()
	for range 20 {
		if _, err := do(p, "GET", keys[0]); !unreachable(err) {
			t.Errorf("a paused node answered %v", err)
		}
	}
	hangs.Resume()
	// Besides those who want it, at most one tries it in the background, and that takes a second.
	tries := connections(t, hangs) - before - 1 // its own
	if tries > 10 {
		t.Errorf("twenty commands made %d connections to a node that hangs: each waited for it", tries)
	}
	t.Logf("twenty commands made %d connections", tries)
	eventually(t, func() error { _, err := do(p, "GET", keys[0]); return err })
}

// connections is how many a server has taken so far, that of the question included.
func connections(t *testing.T, s *redistest.Server) int {
	t.Helper()
	_, after, _ := strings.Cut(s.CLI("INFO", "stats"), "total_connections_received:")
	number, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
