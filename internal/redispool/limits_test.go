package redispool_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sync/errgroup"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestTimeLimits(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{Password: "secret"})
	secure := redistest.Start(t, redistest.Options{TLS: true})
	locked := with(at(s.Addr()), password("secret"))
	p := open(t, redispool.Options{URL: locked})
	eventually(t, func() error { return ping(t.Context(), p) })
	s.Pause()
	secure.Pause()
	t.Run("while the server is paused", func(t *testing.T) {
		fresh := func(u redisurl.URL) func() error {
			return func() error { _, err := do(open(t, redispool.Options{URL: u}), "PING"); return err }
		}
		overTLS := with(at(secure.Addr()), redisurl.Login{TLS: trusting(t, secure)})
		for name, run := range map[string]func() error{
			"a command times out": func() error { _, err := do(p, "PING"); return err },
			"a pipeline times out": func() error {
				c := p.Get()
				defer c.Close()
				c.Send("SET", "key", large)
				c.Flush()
				_, err := c.Receive()
				return err
			},
			"a login times out":         fresh(locked),
			"a TLS handshake times out": fresh(overTLS),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if err := run(); !isTimeout(err) || redispool.Refused(err) {
					t.Errorf("got %v, want a time-out", err)
				}
			})
		}
	})
	s.Resume()
	secure.Resume()
	eventually(t, func() error { return ping(t.Context(), p) })
	t.Run("the error of a server that is down is not a refusal", func(t *testing.T) {
		s.Kill()
		_, err := do(open(t, redispool.Options{URL: locked}), "PING")
		if err == nil || redispool.Refused(err) || !isNetwork(err) {
			t.Errorf("got %v, want an error of the network", err)
		}
	})
}

func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	const callers = 8
	server := redistest.Start(t, redistest.Options{})
	look := redistest.Conn(t, server.Addr())
	p := open(t, redispool.Options{URL: at(server.Addr())})
	eventually(t, func() error { // the machine may be busy
		var group errgroup.Group
		for range callers {
			group.Go(func() error { _, err := do(p, "BLPOP", "missing", 0.1); return err })
		}
		if err := group.Wait(); !errors.Is(err, redis.ErrNil) && err != nil {
			return err
		}
		if n := p.IdleCount(); n != callers {
			return fmt.Errorf("%d connections are idle", n)
		}
		return nil
	})
	before := info(t, look, "total_connections_received")
	server.Pause()
	for range 2 { // first with idle connections, then without
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				if _, err := do(p, "PING"); !isTimeout(err) {
					t.Errorf("got %v, want a time-out", err)
				}
			})
		}
		group.Wait()
	}
	server.Resume() // it now counts the connections that the kernel has accepted
	if n := info(t, look, "total_connections_received") - before; n > 2 {
		t.Errorf("%d callers made %d connections to a server that hangs, want one", callers, n)
	}
}

// The server does not read, so the buffers on the way become full, and a write has to wait.
func TestWriteTimeLimit(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			for _, reply := range []string{"+PONG\r\n", "-ERR unknown command\r\n"} { // to PING and HELLO
				if _, err := c.Read(make([]byte, 64)); err == nil {
					c.Write([]byte(reply))
				}
			}
		}
	}()
	defer time.AfterFunc(time.Minute, func() { l.Close() }).Stop() // ends an endless write with another error
	endless := strings.Repeat("x", 16<<20)
	for name, run := range map[string]func(c redis.Conn) error{
		"a command times out": func(c redis.Conn) error { _, err := c.Do("SET", "key", endless); return err },
		"a pipeline times out": func(c redis.Conn) error {
			c.Send("SET", "key", endless)
			c.Flush()
			_, err := c.Receive()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, redispool.Options{URL: at(l.Addr().String())}).Get()
			defer c.Close()
			if err := run(c); !isTimeout(err) {
				t.Errorf("got %v, want a time-out", err)
			}
			if _, err := c.Receive(); isTimeout(err) {
				t.Error("the broken connection is read again")
			}
		})
	}
}

func TestPoolSize(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct{ connections, most int }{{0, 68}, {1, 5}, {100, 104}} {
			p := open(t, redispool.Options{URL: at(b.Addr), Connections: row.connections})
			if p.MaxActive != row.most || p.MaxIdle != row.most-4 {
				t.Errorf("with %d connections, MaxActive is %d and MaxIdle is %d, want %d and %d",
					row.connections, p.MaxActive, p.MaxIdle, row.most, row.most-4)
			}
		}
		p := open(t, redispool.Options{URL: at(b.Addr), Timeout: patient})
		var used []redis.Conn
		for range redispool.Size {
			used = append(used, p.Get())
		}
		if err := ping(t.Context(), p); err != nil {
			t.Errorf("while messages use all their connections: %v", err)
		}
		for err := error(nil); !errors.Is(err, redis.ErrPoolExhausted); { // a pool that waits would wait forever
			c := p.Get()
			used = append(used, c)
			if err = c.Err(); err != nil && !errors.Is(err, redis.ErrPoolExhausted) || len(used) > 2*redispool.Size {
				t.Fatalf("connection %d: %v, want redigo's error for a full pool", len(used), err)
			}
		}
		for _, c := range used {
			c.Close()
		}
		fill(t, p, redispool.Size)
	})
}

// info returns a number from INFO.
func info(t *testing.T, c redis.Conn, name string) int {
	t.Helper()
	text, err := redis.String(c.Do("INFO"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(text, "\r\n"+name+":")
	number, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Three replicas of the service with 64 messages each need 20 connections, because their scripts may wait.
func TestTooFewConnections(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: []string{"--maxclients", "20"}})
	look := redistest.Conn(t, server.Addr()) // this connection is made before the server has too many clients
	const replicas, messages = 3, 3000
	var pools []*redispool.Pool
	for range replicas {
		p := open(t, redispool.Options{URL: at(server.Addr()), Timeout: patient, WaitReplicas: unshared})
		fill(t, p, 2)
		pools = append(pools, p)
	}
	var left atomic.Int64
	left.Store(messages)
	var group sync.WaitGroup
	for n := range replicas * redispool.Size {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				message(t, pools[n%replicas])
			}
		})
	}
	group.Wait()
	rejected, received := info(t, look, "rejected_connections"), info(t, look, "total_connections_received")
	t.Logf("%d messages made %d connections, and %d that the server refused", messages, received, rejected)
	if rejected == 0 {
		t.Error("the server had enough connections: nothing was tested")
	}
	if rejected > messages/4 {
		t.Errorf("the server refused %d connections", rejected)
	}
	if received > 20+10 { // a few connections end early
		t.Errorf("%d connections were made: good connections were dropped", received)
	}
}

// message makes two round trips. Like a session, it tries again until it succeeds.
func message(t *testing.T, p *redispool.Pool) {
	t.Helper()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		c := p.Get()
		_, err := c.Do("GET", "key")
		if err == nil {
			_, err = c.Do("EVAL", "return redis.call('SET', KEYS[1], 'value')", 1, "key")
		}
		c.Close()
		if err == nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-t.Context().Done():
			return
		}
	}
}

func TestOneConnectionTooMany(t *testing.T) {
	t.Parallel()
	noPing := []string{"--user", "default", "on", "nopass", "~*", "+get", "+info", "+config", "+client", "+eval",
		"+hello"}
	for name, row := range map[string]struct {
		server redistest.Options
		login  redisurl.Login
	}{
		"without a password, it is not pooled":              {redistest.Options{}, redisurl.Login{}},
		"with a password, it is not pooled":                 {redistest.Options{Password: "secret"}, password("secret")},
		"without the permission for PING, it is not pooled": {redistest.Options{Args: noPing}, redisurl.Login{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, row.server)
			p := open(t, redispool.Options{URL: with(at(server.Addr()), row.login), Timeout: patient,
				WaitReplicas: unshared})
			if _, err := do(p, "GET", "key"); err != nil {
				t.Fatal(err)
			}
			server.CLI("CONFIG", "SET", "maxclients", "1")
			only := p.Get()
			if _, err := only.Do("GET", "key"); err != nil {
				t.Fatal(err)
			}
			if c := p.Get(); c.Err() == nil {
				t.Error("the pool handed out a connection that the server refuses")
			} else if redispool.Refused(c.Err()) {
				t.Errorf("the error is a refusal: %v", c.Err())
			}
			only.Close()
			if n := p.IdleCount(); n != 1 {
				t.Errorf("%d connections are idle, want one", n)
			}
			if _, err := do(p, "GET", "key"); err != nil || p.ActiveCount() != 1 {
				t.Errorf("the good connection was dropped: %v", err)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "my redis.sock")
	server := redistest.Start(t, redistest.Options{Args: []string{"--unixsocket", path, "--requirepass", "secret"}})
	u := redisurl.URL{Topology: redisurl.Unix, Addrs: []string{path}, Database: 3, Redis: password("secret")}
	p := open(t, redispool.Options{URL: u, Timeout: patient})
	client, err := redis.String(do(p, "CLIENT", "INFO"))
	if err != nil || !strings.Contains(client, " db=3 ") || !strings.Contains(client, path) {
		t.Errorf("CLIENT INFO: %s, %v", client, err)
	}
	server.Kill()
	do(p, "PING") // on the lost connection
	if _, err := do(p, "PING"); !isNetwork(err) || !strings.Contains(err.Error(), path) {
		t.Errorf("while the server is down: %v", err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := do(p, "PING"); return err })
}

// A proxy for many servers accepts only commands with keys.
func TestProxyWithoutHELLO(t *testing.T) {
	t.Parallel()
	for name, hello := range map[string]string{"the proxy may refuse HELLO": "-ERR unsupported command",
		"the proxy may close the connection": hangUp} {
		t.Run(name, func(t *testing.T) {
			p := open(t, redispool.Options{URL: at(fake(t,
				map[string]string{"PING": "+PONG", "HELLO": hello, "EVAL": "+OK"})), Timeout: patient})
			for range 2 { // the second command has its own connection
				c := p.Get()
				defer c.Close()
				if got, err := redis.String(c.Do("EVAL", write, 1, "key", "value")); got != "OK" || err != nil {
					t.Errorf("EVAL with a key: %q, %v", got, err)
				}
			}
		})
	}
}

// failing is a resolver that knows no host. It counts the attempts to connect, because each attempt makes one lookup.
type failing struct {
	lookups *atomic.Int64
	takes   time.Duration
}

var errNoHost = errors.New("no such host")

func (f failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	f.lookups.Add(1)
	time.Sleep(f.takes)
	return nil, errNoHost
}

func TestServerThatCannotBeConnectedTo(t *testing.T) {
	t.Parallel()
	t.Run("it gets few attempts to connect", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var lookups atomic.Int64
			p := redispool.Open(redispool.Options{URL: at("redis.example.com:6379"),
				Resolver: failing{lookups: &lookups}})
			defer p.Close()
			var group sync.WaitGroup
			for range 64 {
				group.Go(func() {
					for range 40 { // in ten seconds
						if _, err := p.GetContext(t.Context()); !errors.Is(err, errNoHost) {
							t.Errorf("the error is %v, want the resolver's", err)
						}
						time.Sleep(250 * time.Millisecond) // the longest pause of a message
					}
				})
			}
			group.Wait()
			if n := lookups.Load(); n < 10 || n > 45 {
				t.Errorf("there were %d attempts in ten seconds, want about four a second", n)
			}
		})
	})
	t.Run("while one caller tries again, the others do not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := redispool.Open(redispool.Options{URL: at("redis.example.com:6379"),
				Resolver: failing{new(atomic.Int64), time.Second}})
			defer p.Close()
			p.GetContext(t.Context())
			time.Sleep(time.Second)
			var group sync.WaitGroup
			group.Go(func() { p.GetContext(t.Context()) })
			synctest.Wait() // it tries
			began := time.Now()
			if _, err := p.GetContext(t.Context()); !errors.Is(err, errNoHost) {
				t.Errorf("another caller gets %v, want the last error", err)
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("another caller waited for %v", took)
			}
			group.Wait()
		})
	})
	t.Run("the error of an attempt that was given up is not returned to others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := redispool.Open(redispool.Options{URL: at("redis.example.com:6379"),
				Resolver: failing{new(atomic.Int64), time.Second}})
			defer p.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := p.GetContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the caller that gives up gets %v", err)
			}
			if _, err := p.GetContext(t.Context()); !errors.Is(err, errNoHost) {
				t.Errorf("the next caller gets %v, want the error of the resolver", err)
			}
		})
	})
}
