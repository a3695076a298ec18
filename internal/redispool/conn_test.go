package redispool_test

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestDemotion(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(c redis.Conn) error{
		"a connection is not used again after a command got READONLY": func(c redis.Conn) error {
			_, err := c.Do("SET", "key", "value")
			return err
		},
		"a connection is not used again after a script got READONLY": func(c redis.Conn) error {
			_, err := redis.NewScript(1, "return redis.call('SET', KEYS[1], 'value')").Do(c, "key")
			return err
		},
		"a connection is not used again after a pipelined command got READONLY": func(c redis.Conn) error {
			c.Send("GET", "key")
			c.Send("SET", "key", "value")
			c.Flush()
			c.Receive()
			_, err := c.Receive()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, redistest.Options{})
			p, naive := open(t, redispool.Options{URL: at(s.Addr()), Timeout: patient}), naivePool(t, s.Addr())
			before, naiveBefore := id(t, p), id(t, naive)
			s.CLI("REPLICAOF", "127.0.0.1", "1")
			for _, pool := range []pool{p, naive} {
				c := pool.Get()
				if err := run(c); !hasCode(err, "READONLY") {
					t.Fatalf("the write got %v, want READONLY", err)
				}
				c.Close()
			}
			s.CLI("REPLICAOF", "NO", "ONE")
			if id(t, p) == before {
				t.Error("the connection that got READONLY is used again")
			}
			if _, err := do(p, "SET", "key", "value"); err != nil {
				t.Errorf("SET after the promotion: %v", err)
			}
			if id(t, naive) != naiveBefore {
				t.Error("the naive pool has dialled again, so the test proves nothing")
			}
		})
	}
}

// A script returns each text of Redis as its error, so that both backends return it.
func TestErrorReplies(t *testing.T) {
	t.Parallel()
	const script = "ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: "
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			text string
			lost bool
		}{
			{"READONLY You can't write against a read only replica.", true},
			{"LOADING Redis is loading the dataset in memory", true},
			{"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true},
			{"CLUSTERDOWN The cluster is down", true},
			{"NOREPLICAS Not enough good replicas to write.", true},
			{"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", true},
			{"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", false},
			{"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", false},
			{"TRYAGAIN Multiple keys request during rehashing of slot", false},
			{"WRONGTYPE Operation against a key holding the wrong kind of value", false},
			{"OOM command not allowed when used memory > 'maxmemory'.", false},
			{"NOSCRIPT No matching script. Please use EVAL.", false},
			{"NOPERM this user has no permissions to run the 'set' command", false},
			// Redis 6.2 returns these errors when a command inside a script fails.
			{script + "-READONLY You can't write against a read only replica.", true},
			{script + "-NOREPLICAS Not enough good replicas to write.", true},
			{script + "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true},
			{script + "-LOADING Redis is loading the dataset in memory", true},
			{script + "-OOM command not allowed when used memory > 'maxmemory'.", false},
			{script + "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", false},
			// A script must not be repeated on a connection that got an unknown error.
			{"READONLYNESS is another code", true},
			{"ERR the word OOM is not the code", true},
		} {
			t.Run(row.text, func(t *testing.T) {
				p := open(t, redispool.Options{URL: at(b.Addr), Timeout: patient})
				fill(t, p, 3)
				if _, err := do(p, "EVAL", "return redis.error_reply(ARGV[1])", 0, row.text); err == nil ||
					err.Error() != row.text {
					t.Fatalf("EVAL: %v, want the error of the row", err)
				}
				if left := p.IdleCount(); (left < 3) != row.lost {
					t.Errorf("%d of 3 connections are left, want the connection lost: %v", left, row.lost)
				}
			})
		}
	})
}

func TestUnknownErrors(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name string
			run  func(c redis.Conn)
			left int // how many of 3 connections that are not shared are left: all, or all but this one
		}{
			{"an error of a script ends the use of the connection", func(c redis.Conn) { c.Do("EVAL", "return redis.error_reply('ERR new')", 0) }, 2},
			{"an error of a pipelined script ends the use of the connection", func(c redis.Conn) {
				c.Send("EVAL", "return redis.error_reply('ERR new')", 0)
				c.Send("EVAL", "return 1", 0)
				c.Flush()
				c.Receive()
				c.Receive()
			}, 2},
			{"an error of another command does not end the use of the connection", func(c redis.Conn) { c.Do("NOCOMMAND") }, 3},
			{"an error of another command after a script does not end the use either", func(c redis.Conn) {
				c.Do("EVAL", "return 1", 0)
				c.Do("")
				c.Do("NOCOMMAND")
			}, 3},
		} {
			t.Run(row.name, func(t *testing.T) {
				for _, replicas := range []int{0, unshared} {
					p := open(t, redispool.Options{URL: at(b.Addr), Timeout: patient, WaitReplicas: replicas})
					fill(t, p, 3)
					c := p.Get()
					row.run(c)
					c.Close()
					left := row.left
					if replicas == 0 && left < 3 {
						left = 1 // the three have shared the connection that ended, and this one is new
					}
					if _, err := do(p, "PING"); err != nil || p.IdleCount() != left {
						t.Errorf("%d of 3 connections are left, %v, want %d", p.IdleCount(), err, left)
					}
				}
			})
		}
	})
}

// A server quotes the arguments of a command that it does not know. We log errors, so they must not contain arguments.
func TestErrorsQuoteNoArguments(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{Args: []string{"--rename-command", "GET", ""}})
	c := open(t, redispool.Options{URL: at(s.Addr()), Timeout: patient}).Get()
	defer c.Close()
	const key = "sms:conversation:+15005550006:+12025550143"
	_, did := c.Do("GET", key)
	c.Send("GET", key)
	c.Flush()
	_, received := c.Receive()
	for _, err := range []error{did, received} {
		if err == nil || !strings.Contains(err.Error(), "unknown command") || strings.Contains(err.Error(), "555") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestLostConnections(t *testing.T) {
	t.Parallel()
	t.Run("after a reset, only one command fails", func(t *testing.T) {
		redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
			proxy := redistest.StartProxy(t, b.Addr)
			afterLoss(t, proxy.Addr(), proxy.Reset)
		})
	})
	t.Run("after a restart, only one command fails", func(t *testing.T) {
		s := redistest.Start(t, redistest.Options{})
		afterLoss(t, s.Addr(), func() {
			s.Kill()
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("a connection that was made after the loss stays in the pool", func(t *testing.T) {
		redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
			proxy := redistest.StartProxy(t, b.Addr)
			p := open(t, redispool.Options{URL: at(proxy.Addr()), Timeout: patient})
			fill(t, p, 2)
			proxy.Reset()
			failures(p, 2)
			fill(t, p, 3)
			for range 10 {
				if _, err := do(p, "PING"); err != nil {
					t.Fatalf("PING: %v", err)
				}
			}
			if got := p.IdleCount(); got != 3 {
				t.Errorf("%d of the 3 connections are left", got)
			}
		})
	})
	t.Run("a command whose reply is lost returns an error and is not repeated", func(t *testing.T) {
		redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
			proxy := redistest.StartProxy(t, b.Addr)
			p := open(t, redispool.Options{URL: at(proxy.Addr()), Timeout: patient})
			fill(t, p, 1)
			proxy.CutReplies(1, 1)
			if n, err := do(p, "INCR", "key"); err == nil {
				t.Errorf("INCR: %v, want an error", n)
			}
			proxy.CutReplies(0, 0)
			if n, err := redis.Int(do(p, "GET", "key")); n != 1 || err != nil {
				t.Errorf("the command ran %d times, %v, want once", n, err)
			}
		})
	})
	t.Run("a loss affects only the connections to the same address", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{})
		go forward(listen(t, net.JoinHostPort("127.0.0.2", strconv.Itoa(server.Port()))), server.Addr)
		addr := netip.MustParseAddr("127.0.0.1")
		p := open(t, redispool.Options{URL: at(fmt.Sprintf("redis.example.com:%d", server.Port())), Timeout: patient,
			Resolver: resolver{&addr}, WaitReplicas: unshared})
		lost := p.Get()
		addr = netip.MustParseAddr("127.0.0.2")
		other := p.Get()
		lostID, err := redis.Int(lost.Do("CLIENT", "ID"))
		if err != nil {
			t.Fatal(err)
		}
		before, err := redis.Int64(other.Do("CLIENT", "ID"))
		if err != nil {
			t.Fatal(err)
		}
		other.Close()
		server.CLI("CLIENT", "KILL", "ID", strconv.Itoa(lostID))
		if _, err := lost.Do("PING"); err == nil {
			t.Error("the connection was not lost: nothing was tested")
		}
		lost.Close()
		if after := id(t, p); after != before {
			t.Error("the connection to the other address was dropped")
		}
	})
}

// afterLoss makes idle connections, calls lose to break all of them, and counts the commands that fail.
func afterLoss(t *testing.T, addr string, lose func()) {
	t.Helper()
	const idle = 5
	p, naive := open(t, redispool.Options{URL: at(addr), Timeout: patient}), naivePool(t, addr)
	fill(t, p, idle)
	fill(t, naive, idle)
	lose()
	if got := failures(p, idle); got != 1 {
		t.Errorf("%d commands failed, want 1", got)
	}
	if got := p.Stats(); got.ActiveCount != 1 || got.IdleCount != 1 {
		t.Errorf("the pool has %d connections, %d of them idle, want only the new one", got.ActiveCount, got.IdleCount)
	}
	if got := failures(naive, idle); got != idle {
		t.Errorf("with the naive pool %d commands failed, want all %d; the test proves nothing", got, idle)
	}
}

// failures counts the commands that fail before one succeeds.
func failures(p pool, most int) int {
	for n := range most + 1 {
		if _, err := do(p, "PING"); err == nil {
			return n
		}
	}
	return most + 1
}
