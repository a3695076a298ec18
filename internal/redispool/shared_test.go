package redispool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestSharedConnection(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	p := open(t, redispool.Options{URL: at(s.Addr()), Timeout: patient})
	t.Run("all users of a pool share one connection", func(t *testing.T) {
		if n := len(ids(t, p, redispool.Size)); n != 1 || p.OpenConnections() != 1 {
			t.Errorf("%d users have used %d connections, and %d are open", redispool.Size, n, p.OpenConnections())
		}
	})
	t.Run("they may be more than the pool has", func(t *testing.T) {
		var used []redis.Conn
		for c := p.Get(); c.Err() == nil; c = p.Get() {
			used = append(used, c)
		}
		for range 2 {
			used = append(used, shared{p}.Get())
		}
		if n := p.InUse(); n != len(used) || n < redispool.Size+2 {
			t.Errorf("%d of %d users are counted", n, len(used))
		}
		for _, c := range used {
			if _, err := c.Do("PING"); err != nil {
				t.Errorf("PING: %v", err)
			}
			c.Close()
		}
		if n := p.InUse(); n != 0 || p.OpenConnections() != 1 {
			t.Errorf("at the end, %d users are counted, and %d connections are open", n, p.OpenConnections())
		}
	})
	t.Run("each user gets the replies to its own commands", func(t *testing.T) {
		if served, failed := exchange(t, p, 200); failed != 0 || served == 0 {
			t.Errorf("%d pipelines failed", failed)
		}
	})
	t.Run("they are not mixed up while the server restarts", func(t *testing.T) {
		var group sync.WaitGroup
		group.Go(func() {
			for range 3 {
				s.Kill()
				if err := s.Restart(); err != nil {
					t.Error(err)
				}
			}
		})
		served, failed := exchange(t, p, 2000)
		group.Wait()
		t.Logf("%d pipelines were served, %d failed", served, failed)
		if failed == 0 {
			t.Error("no connection was lost: nothing was tested")
		}
		eventually(t, func() error { return ping(t.Context(), p) })
	})
	t.Run("it ends for all users after READONLY", func(t *testing.T) {
		before := id(t, p)
		other := p.Get()
		defer other.Close()
		s.CLI("REPLICAOF", "127.0.0.1", "1")
		if _, err := do(p, "SET", "key", "value"); !hasCode(err, "READONLY") {
			t.Fatalf("SET: %v, want READONLY", err)
		}
		s.CLI("REPLICAOF", "NO", "ONE")
		if got, err := redis.Int64(other.Do("CLIENT", "ID")); got != before || err != nil {
			t.Errorf("a user that still had it got connection %d, %v, want %d", got, err, before)
		}
		other.Close()
		if id(t, shared{p}) == before || id(t, p) == before {
			t.Error("the connection that got READONLY is used again")
		}
		if n := p.OpenConnections(); n != 1 {
			t.Errorf("%d connections are open, want the new one", n)
		}
	})
	t.Run("it is closed after its last user", func(t *testing.T) {
		last := shared{p}.Get()
		p.Close()
		if _, err := last.Do("PING"); err != nil || p.OpenConnections() != 1 {
			t.Errorf("the last user gets %v, and %d connections are open", err, p.OpenConnections())
		}
		if _, err := p.GetContext(t.Context()); err == nil {
			t.Error("a closed pool has a new user")
		}
		last.Close()
		if n := p.OpenConnections(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

func TestSharedCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	p := open(t, redispool.Options{URL: inCluster(cluster.Addrs()...), Timeout: patient})
	if c, err := p.GetContext(t.Context()); err != nil {
		t.Fatal(err)
	} else {
		c.Close()
	}
	var used []redis.Conn
	for range 3 * redispool.Size { // more than the pools have
		used = append(used, shared{p}.Get())
	}
	if n := p.InUse(); n != len(used) {
		t.Errorf("%d of %d users are counted", n, len(used))
	}
	for n, key := range keysOn(t, cluster) {
		_, _ = used[0].Do("GET", key) // makes the connection to the node
		var group sync.WaitGroup
		for _, c := range used {
			group.Go(func() {
				if _, err := c.Do("EVAL", "for i = 1, 1e4 do end return 1", 1, key); err != nil {
					t.Errorf("EVAL: %v", err)
				}
			})
		}
		group.Wait()
		if open := p.OpenConnections(); open > len(cluster.Primaries) || open < n+1 {
			t.Errorf("%d connections are open to %d nodes", open, n+1)
		}
	}
	p.Close()
	if _, err := p.GetContext(t.Context()); err == nil {
		t.Error("a closed pool has a new user")
	}
	for _, c := range used {
		c.Close()
		c.Close()
	}
	if n, open := p.InUse(), p.OpenConnections(); n != 0 || open != 0 {
		t.Errorf("at the end, %d users are counted, and %d connections are open", n, open)
	}
}

// exchange runs n pipelines by as many users as a pool has, and checks that no reply belongs to another pipeline. It
// returns how many pipelines got all their replies, and how many got an error.
func exchange(t *testing.T, p *redispool.Pool, n int64) (served, failed int64) {
	t.Helper()
	var left, good, bad atomic.Int64
	left.Store(n)
	var group sync.WaitGroup
	for user := range redispool.Size {
		group.Go(func() {
			for number := left.Add(-1); number >= 0; number = left.Add(-1) {
				if err := echoThree(t, p, fmt.Sprintf("%d of user %d", number, user)); err != nil {
					bad.Add(1)
				} else {
					good.Add(1)
				}
			}
		})
	}
	group.Wait()
	return good.Load(), bad.Load()
}

// echoThree sends a pipeline of three commands, whose second reply is large.
func echoThree(t *testing.T, p *redispool.Pool, name string) (err error) {
	c := shared{p}.Get()
	defer c.Close()
	texts := []string{"first " + name, strings.Repeat(name, 1000), "last " + name}
	for _, text := range texts {
		c.Send("ECHO", text)
	}
	c.Flush()
	for _, want := range texts {
		got, receiveErr := redis.String(c.Receive())
		if receiveErr == nil && got != want {
			t.Errorf("the reply to %.40q is %.40q", want, got)
		}
		err = errors.Join(err, receiveErr)
	}
	return err
}

func TestJoin(t *testing.T) {
	t.Parallel()
	t.Run("users that begin together wait for one connection", func(t *testing.T) {
		s := redistest.Start(t, redistest.Options{})
		look := redistest.Conn(t, s.Addr())
		before := info(t, look, "total_connections_received")
		p := open(t, redispool.Options{URL: at(s.Addr()), Timeout: patient})
		if _, failed := exchange(t, p, redispool.Size); failed != 0 {
			t.Errorf("%d users failed", failed)
		}
		if n := info(t, look, "total_connections_received") - before; n != 1 {
			t.Errorf("they made %d connections", n)
		}
	})
	t.Run("a user may give up while another one connects", func(t *testing.T) {
		l := listen(t, "127.0.0.1:0")
		p := open(t, redispool.Options{URL: at(l.Addr().String()), Timeout: patient})
		var group sync.WaitGroup
		group.Go(func() { p.GetContext(t.Context()) })
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		hurried, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.GetContext(hurried); !errors.Is(err, context.Canceled) {
			t.Errorf("it gets %v", err)
		}
		server.Close()
		group.Wait()
	})
}
