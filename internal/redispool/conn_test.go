package redispool_test

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestAConnectionToADemotedPrimaryIsNotUsedAgain(t *testing.T) {
	for _, row := range []struct {
		name  string
		write func(c redis.Conn) error
	}{
		{"after a command", func(c redis.Conn) error {
			_, err := c.Do("SET", "key", "value")
			return err
		}},
		{"after a script", func(c redis.Conn) error {
			_, err := redis.NewScript(1, "return redis.call('SET', KEYS[1], 'value')").Do(c, "key")
			return err
		}},
		{"after a pipelined command", func(c redis.Conn) error {
			c.Send("GET", "key")
			c.Send("SET", "key", "value")
			c.Flush()
			c.Receive()
			_, err := c.Receive()
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := redistest.Start(t, redistest.Options{})
			p, naive := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}}}), plain(t, s.Addr())
			before, naiveBefore := clientID(t, p), clientID(t, naive)
			s.CLI("REPLICAOF", "127.0.0.1", "1")
			for _, pool := range []*redis.Pool{p, naive} {
				c := pool.Get()
				if err := row.write(c); !hasCode(err, "READONLY") {
					t.Fatalf("the write got %v, want READONLY", err)
				}
				c.Close()
			}
			s.CLI("REPLICAOF", "NO", "ONE")
			if after := clientID(t, p); after == before {
				t.Error("the connection that got READONLY is used again")
			}
			if _, err := do(p, "SET", "key", "value"); err != nil {
				t.Errorf("SET after the promotion: %v", err)
			}
			if after := clientID(t, naive); after != naiveBefore {
				t.Error("the plain pool dialled afresh: the test does not tell the two apart")
			}
		})
	}
}

// A script says what a server says, so that every word of Redis's can be had from every backend.
func TestOnlyErrorsThatAnotherServerWouldNotGiveCostTheConnection(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name string
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
			// The next rows are the texts of Redis 6.2 for an error of a command inside a script.
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.", true},
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -NOREPLICAS Not enough good replicas to write.", true},
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true},
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -LOADING Redis is loading the dataset in memory", true},
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", false},
			{"ERR Error running script (call to f_9d1d06cbbab5fe7e2d2d5b0dc9a8c4b4ab5ba0f7): @user_script:1: @user_script: 1: -MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", false},
			// A script must not be tried again on a connection that gave an unknown error.
			{"READONLYNESS is another word", true},
			{"ERR the word OOM comes later", true},
		} {
			t.Run(row.name, func(t *testing.T) {
				p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
				fill(t, p, 3)
				if _, err := do(p, "EVAL", "return redis.error_reply(ARGV[1])", 0, row.name); err == nil || err.Error() != row.name {
					t.Fatalf("EVAL: %v, want the error of the row", err)
				}
				idle := p.IdleCount()
				if lost := idle < 3; lost != row.lost {
					t.Errorf("%d of 3 connections are left, want the connection lost: %v", idle, row.lost)
				}
			})
		}
	})
}

func TestAnUnknownErrorCostsTheConnection(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name string
			run  func(c redis.Conn)
			lost bool
		}{
			{"of a script", func(c redis.Conn) { c.Do("EVAL", "return redis.error_reply('ERR new')", 0) }, true},
			{"of a pipelined script", func(c redis.Conn) {
				c.Send("EVAL", "return redis.error_reply('ERR new')", 0)
				c.Send("EVAL", "return 1", 0)
				c.Flush()
				c.Receive()
				c.Receive()
			}, true},
			{"but not when it is another command's", func(c redis.Conn) { c.Do("NOCOMMAND") }, false},
			{"nor when another borrower ran a script before", func(c redis.Conn) {
				c.Do("EVAL", "return 1", 0)
				c.Do("")
				c.Do("NOCOMMAND")
			}, false},
		} {
			t.Run(row.name, func(t *testing.T) {
				p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
				fill(t, p, 3)
				c := p.Get()
				row.run(c)
				c.Close()
				want := 3
				if row.lost {
					want = 2 // the other connections stay, because the error does not concern them
				}
				if _, err := do(p, "PING"); err != nil || p.IdleCount() != want {
					t.Errorf("%d of 3 connections are left, %v, want %d", p.IdleCount(), err, want)
				}
			})
		}
	})
}

func TestAfterAResetTheFirstRetrySucceeds(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		afterALoss(t, proxy.Addr(), proxy.Reset)
	})
}

func TestAfterARestartTheFirstRetrySucceeds(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	afterALoss(t, s.Addr(), func() {
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	})
}

// afterALoss leaves idle connections behind, has them all lost, and looks at how often a command fails then.
func afterALoss(t *testing.T, addr string, lose func()) {
	t.Helper()
	const idle = 5
	p, naive := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{addr}}}), plain(t, addr)
	fill(t, p, idle)
	fill(t, naive, idle)
	lose()
	if got := failures(p, idle); got != 1 {
		t.Errorf("%d commands failed before one succeeded, want 1", got)
	}
	if got := p.Stats(); got.ActiveCount != 1 || got.IdleCount != 1 {
		t.Errorf("the pool has %d connections, %d of them idle, want the new one alone", got.ActiveCount, got.IdleCount)
	}
	if got := failures(naive, idle); got != idle {
		t.Errorf("with the plain pool %d commands failed, want all %d: the test does not tell the two apart", got, idle)
	}
}

// failures counts the commands that fail before one succeeds.
func failures(p *redis.Pool, limit int) int {
	for n := range limit + 1 {
		if _, err := do(p, "PING"); err == nil {
			return n
		}
	}
	return limit + 1
}

func TestAConnectionThatWasUsedSinceTheLossStays(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{proxy.Addr()}}})
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
			t.Errorf("%d connections are left of the 3 dialled since the loss", got)
		}
	})
}

func TestALostReplyIsAnErrorAndNoRetry(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{proxy.Addr()}}})
		fill(t, p, 1)
		proxy.CutReplies(1, 1)
		if n, err := do(p, "INCR", "key"); err == nil {
			t.Errorf("INCR = %v, want an error: its reply was lost", n)
		}
		proxy.CutReplies(0, 0)
		if n, err := redis.Int(do(p, "GET", "key")); n != 1 || err != nil {
			t.Errorf("the command ran %d times, %v, want once", n, err)
		}
	})
}

// A server quotes the arguments of a command that it does not know, in an error that is logged.
func TestWhatACommandWasAboutIsInNoError(t *testing.T) {
	s := redistest.Start(t, redistest.Options{Args: []string{"--rename-command", "GET", ""}})
	conn := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}}}).Get()
	defer conn.Close()
	_, did := conn.Do("GET", "sms:conversation:+15005550006:+12025550143")
	_ = conn.Send("GET", "sms:conversation:+15005550006:+12025550143")
	_ = conn.Flush()
	_, received := conn.Receive()
	for _, err := range []error{did, received} {
		if err == nil || !strings.Contains(err.Error(), "unknown command") || strings.Contains(err.Error(), "555") {
			t.Errorf("the error is %v", err)
		}
	}
}
