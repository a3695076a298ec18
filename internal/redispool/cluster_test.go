package redispool_test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// keysOn returns a key for each primary, in their order.
func keysOn(t *testing.T, c *redistest.Cluster) []string {
	t.Helper()
	keys := make([]string, len(c.Primaries))
	for n := 0; n < 1000; n++ {
		key := fmt.Sprint("key", n)
		slot, err := strconv.Atoi(c.Primaries[0].CLI("CLUSTER", "KEYSLOT", key))
		if err != nil {
			t.Fatal(err)
		}
		keys[slot*len(keys)/16384] = key
		if !strings.Contains(" "+strings.Join(keys, " ")+" ", "  ") {
			return keys
		}
	}
	t.Fatal("there is no key for some primary")
	return nil
}

func TestARouterSendsEachCommandToItsNode(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	all := openPool(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()[:1]}})
	p := all.Pool
	keys := keysOn(t, cluster)

	t.Run("when it is done at once", func(t *testing.T) {
		for _, key := range keys {
			if got, err := redis.String(do(p, "EVAL", write, 1, key, "script")); got != "OK" || err != nil {
				t.Errorf("EVAL: %q, %v", got, err)
			}
			if got, err := redis.String(do(p, "GET", []byte(key))); got != "script" || err != nil {
				t.Errorf("GET: %q, %v", got, err)
			}
		}
	})
	t.Run("and the answers keep their order, with an error among them", func(t *testing.T) {
		c := p.Get()
		defer c.Close()
		c.Send("SET", keys[2], "c")
		c.Send("LPUSH", keys[0], "x") // a string
		c.Send("SET", keys[1], "b")
		c.Send("GET", keys[2])
		c.Flush()
		for i, want := range []string{"OK", "WRONGTYPE", "OK"} {
			got, err := redis.String(c.Receive())
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), " ")
			}
			if got != want {
				t.Errorf("answer %d is %q, want %s", i+1, got, want)
			}
		}
		if got, err := redis.String(c.Do("GET", keys[1])); got != "b" || err != nil {
			t.Errorf("GET after it: %q, %v", got, err)
		}
		if _, err := c.Receive(); err == nil {
			t.Error("there is an answer to nothing")
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		c := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()[:1]}, Timeout: patient}).Get()
		defer c.Close()
		cluster.Primaries[0].Pause()
		defer cluster.Primaries[0].Resume()
		look := redistest.Conn(t, cluster.Primaries[1].Addr())
		go func() {
			for t.Context().Err() == nil {
				if got, _ := redis.String(look.Do("GET", keys[1])); got == "both" {
					cluster.Primaries[0].Resume()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		c.Send("SET", keys[0], "both")
		c.Send("SET", keys[1], "both")
		c.Flush()
		for range 2 {
			if _, err := c.Receive(); err != nil {
				t.Errorf("%v: the second command waited until the first had failed", err)
			}
		}
	})
	t.Run("and what has no key to any", func(t *testing.T) {
		if err := redispool.Ping(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
	t.Run("and every primary can be had", func(t *testing.T) {
		var keys []string
		err := all.EachPrimary(t.Context(), func(addr string, c redis.Conn) error {
			reply, err := redis.Values(c.Do("SCAN", 0, "COUNT", 1000))
			if err != nil {
				return err
			}
			some, err := redis.Strings(reply[1], nil)
			keys = append(keys, some...)
			return err
		})
		if err != nil || len(keys) != 3 {
			t.Errorf("%q, %v, want 3 keys", keys, err)
		}
	})
	t.Run("and the connections end with the pool", func(t *testing.T) {
		all.Close()
		eventually(t, func() error {
			for _, s := range cluster.Primaries {
				if n := strings.Count(s.CLI("CLIENT", "LIST", "TYPE", "NORMAL"), "cmd="); n > 1 { // redis-cli's own
					return fmt.Errorf("%d connections are left", n-1)
				}
			}
			return nil
		})
	})
}

func TestARouterFollowsKeysThatMove(t *testing.T) {
	for name, wait := range map[string]int{"": 0, "while it waits for replicas": 1} {
		t.Run(name, func(t *testing.T) {
			cluster := redistest.StartCluster(t, 3, wait > 0, redistest.Options{})
			followKeys(t, cluster, open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}, WaitReplicas: wait}))
		})
	}
}

func followKeys(t *testing.T, cluster *redistest.Cluster, p *redis.Pool) {
	t.Helper()
	key := keysOn(t, cluster)[0]
	from, to := cluster.Primaries[0], cluster.Primaries[1]
	slot, fromID, toID := from.CLI("CLUSTER", "KEYSLOT", key), from.CLI("CLUSTER", "MYID"), to.CLI("CLUSTER", "MYID")
	count := redis.NewScript(1, "return redis.call('INCR', KEYS[1])")
	counted := func(want int) {
		t.Helper()
		c := p.Get()
		defer c.Close()
		if got, err := redis.Int(count.Do(c, key)); got != want || err != nil {
			t.Errorf("the count is %d, %v, want %d", got, err, want)
		}
	}
	counted(1)
	to.CLI("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.CLI("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	counted(2) // which is still where it was
	if out := from.CLI("MIGRATE", "127.0.0.1", strconv.Itoa(to.Port()), key, "0", "5000"); out != "OK" {
		t.Fatalf("MIGRATE: %s", out)
	}
	counted(3) // ASK
	counted(4)
	for _, s := range []*redistest.Server{to, from, cluster.Primaries[2]} {
		s.CLI("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	counted(5) // MOVED
	counted(6)
	if got := to.CLI("GET", key); got != "6" {
		t.Errorf("the node that the slot moved to holds %q", got)
	}
}

// A server that hangs cannot say where its slots went.
func TestARouterLearnsOfAFailoverFromTheOthers(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, true, redistest.Options{})
	p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}})
	keys := keysOn(t, cluster)
	for _, key := range keys {
		if _, err := do(p, "SET", key, "before"); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Primaries[0].Pause()
	defer cluster.Primaries[0].Resume()
	eventually(t, func() error { _, err := do(p, "SET", keys[0], "after"); return err })
	if got := cluster.Replicas[0].CLI("GET", keys[0]); got != "after" {
		t.Errorf("the replica that took over holds %q", got)
	}
}

// As when all its containers are started anew, behind the one name that the settings have.
func TestAClusterWhoseNodesHaveAllMovedIsFoundAgain(t *testing.T) {
	old := redistest.StartCluster(t, 1, false, redistest.Options{})
	var name atomic.Pointer[string]
	addr := old.Addrs()[0]
	name.Store(&addr)
	p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{forwarding(t, &name)}}})
	if _, err := do(p, "SET", "key", "value"); err != nil {
		t.Fatal(err)
	}
	old.Primaries[0].Kill()
	addr2 := redistest.StartCluster(t, 1, false, redistest.Options{}).Addrs()[0]
	name.Store(&addr2)
	eventually(t, func() error { _, err := do(p, "SET", "key", "value"); return err })
}

// forwarding is an address that leads to the one in to.
func forwarding(t *testing.T, to *atomic.Pointer[string]) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go forward(l, func() string { return *to.Load() })
	return l.Addr().String()
}

// forward connects each client to the present target, until the listener is closed.
func forward(l net.Listener, target func() string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", target())
		if err != nil {
			in.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				io.Copy(way[0], way[1])
				way[0].Close()
				way[1].Close()
			}()
		}
	}
}

func TestAClusterThatRefusesUsIsTold(t *testing.T) {
	cluster := redistest.StartCluster(t, 1, false, redistest.Options{Password: "secret"})
	single := redistest.Start(t, redistest.Options{})
	away := redistest.Start(t, redistest.Options{})
	away.Kill()
	for _, row := range []struct {
		name    string
		options redispool.Options
		ok      bool
		refused bool
	}{
		{"the right password is not refused", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs(), Redis: redisurl.Login{Password: "secret"}}}, true, false},
		{"a node that is away is passed over", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: append(cluster.Addrs(), away.Addr()), Redis: redisurl.Login{Password: "secret"}}}, true, false},
		{"a wrong password is refused", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs(), Redis: redisurl.Login{Password: "wrong"}}}, false, true},
		{"a missing password is refused", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}}, false, true},
		{"a server in no Cluster is refused", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{single.Addr()}}}, false, true},
		{"a node that is taken for a server of its own is refused", redispool.Options{URL: redisurl.URL{Addrs: []string{cluster.Addrs()[0]}, Redis: redisurl.Login{Password: "secret"}}}, false, true},
		{"a node that is away is no refusal", redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{away.Addr()}}}, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := pingInTime(t, open(t, row.options))
			if (err == nil) != row.ok || redispool.Refused(err) != row.refused {
				t.Errorf("Ping: %v, which counts as refused: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
}
