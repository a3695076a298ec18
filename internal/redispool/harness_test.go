package redispool_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// patient is the Timeout of a pool in a test that does not test time-outs. The machine may be busy.
const patient = 20 * time.Second

// unshared is a WaitReplicas with which each connection of a pool is a network connection of its own. The scripts of
// these tests do not wait.
const unshared = 1

// write is a script that writes one key.
const write = "return redis.call('SET', KEYS[1], ARGV[1])"

// at returns the URL of a single server.
func at(addr string) redisurl.URL { return redisurl.URL{Addrs: []string{addr}} }

// inCluster returns the URL of a Cluster.
func inCluster(addrs ...string) redisurl.URL {
	return redisurl.URL{Topology: redisurl.Cluster, Addrs: addrs}
}

// behindSentinels returns the URL of a primary that Sentinels know as redistest.PrimaryName.
func behindSentinels(addrs ...string) redisurl.URL {
	return redisurl.URL{Topology: redisurl.Sentinel, Addrs: addrs, Primary: redistest.PrimaryName}
}

// with returns u with the given login at the Redis servers.
func with(u redisurl.URL, l redisurl.Login) redisurl.URL {
	u.Redis = l
	return u
}

// password returns the login of the default user.
func password(p string) redisurl.Login { return redisurl.Login{Password: p} }

// open returns a pool that is closed when the test ends.
func open(tb testing.TB, o redispool.Options) *redispool.Pool {
	tb.Helper()
	p := redispool.Open(o)
	tb.Cleanup(func() { p.Close() })
	return p
}

// naivePool returns a pool like the one in redigo's documentation. It is the negative control. Its commands have a time
// limit, so that the test fails instead of hanging.
func naivePool(tb testing.TB, addr string) *redis.Pool {
	tb.Helper()
	p := &redis.Pool{
		MaxIdle: redispool.Size,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", addr, redis.DialReadTimeout(patient), redis.DialWriteTimeout(patient))
		},
	}
	tb.Cleanup(func() { p.Close() })
	return p
}

// pool is a *redispool.Pool or a *redis.Pool.
type pool interface {
	Get() redis.Conn
	Stats() redis.PoolStats
}

// shared is a pool whose Get is GetContext, which messages call.
type shared struct{ *redispool.Pool }

func (s shared) Get() redis.Conn {
	c, _ := s.GetContext(context.Background()) // after an error, each call of c returns it
	return c
}

// do runs one command on a connection of the pool and returns the connection.
func do(p pool, command string, args ...any) (any, error) {
	c := p.Get()
	defer c.Close()
	return c.Do(command, args...)
}

// ping runs a script that any server can run, and repeats it if the machine was too busy to answer in time.
func ping(ctx context.Context, p *redispool.Pool) error {
	for n := 1; ; n++ {
		c, err := p.GetContext(ctx)
		if err == nil {
			_, err = c.Do("EVAL", "return 1", 0)
			c.Close()
		}
		if !isTimeout(err) || n == 10 {
			return err
		}
	}
}

// eventually repeats try until it succeeds.
func eventually(tb testing.TB, try func() error) {
	tb.Helper()
	webhooktest.WaitNoError(tb, "success", try)
}

// ids uses n connections at the same time and returns the numbers that Redis gave them. No two connections to a server
// have the same number.
func ids(tb testing.TB, p pool, n int) map[int64]bool {
	tb.Helper()
	found := map[int64]bool{}
	var used []redis.Conn
	for range n {
		c := p.Get()
		used = append(used, c)
		id, err := redis.Int64(c.Do("CLIENT", "ID"))
		if err != nil {
			tb.Fatalf("CLIENT ID: %v", err)
		}
		found[id] = true
	}
	for _, c := range used {
		c.Close()
	}
	return found
}

// id returns the number of the connection that the pool hands out next.
func id(tb testing.TB, p pool) (number int64) {
	tb.Helper()
	for number = range ids(tb, p, 1) {
	}
	return number
}

// fill leaves n idle connections in the pool.
func fill(tb testing.TB, p pool, n int) {
	tb.Helper()
	var used []redis.Conn
	for range n {
		c := p.Get()
		used = append(used, c)
		if _, err := c.Do("PING"); err != nil {
			tb.Fatalf("PING: %v", err)
		}
	}
	for _, c := range used {
		c.Close()
	}
	if got := p.Stats().IdleCount; got != n {
		tb.Fatalf("the pool has %d idle connections, want %d", got, n)
	}
}

// isTimeout reports whether err is a time-out.
func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// isNetwork reports whether err is an error of the network.
func isNetwork(err error) bool { return errors.As(err, new(net.Error)) }

// hasCode reports whether err is an error reply with this code.
func hasCode(err error, code string) bool {
	var reply redis.Error
	return errors.As(err, &reply) && len(reply) > len(code) && string(reply)[:len(code)+1] == code+" "
}

// trusting returns the TLS settings of a client that trusts the server's authority and has no certificate.
func trusting(tb testing.TB, s *redistest.Server) *tls.Config {
	tb.Helper()
	c := s.ClientTLS()
	c.Certificates = nil
	return c
}

// listen returns a listener on loopback that is closed when the test ends.
func listen(tb testing.TB, addr string) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// silent accepts connections on a listener and answers nothing, as the kernel does for a server that hangs. accepted
// returns the number of connections so far.
func silent(tb testing.TB, l net.Listener) (accepted func() int) {
	tb.Helper()
	var mu sync.Mutex
	var conns []net.Conn
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	tb.Cleanup(func() {
		l.Close()
		group.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(conns)
	}
}

// hangUp makes a fake server close the connection instead of replying.
const hangUp = "close"

// fake starts a server that answers commands from a table by their names. It answers no other command. It returns its
// address.
func fake(tb testing.TB, replies map[string]string) string {
	tb.Helper()
	l := listen(tb, "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c, replies)
		}
	}()
	return l.Addr().String()
}

func answer(c net.Conn, replies map[string]string) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		count, found := strings.CutPrefix(lines.Text(), "*")
		if !found {
			return
		}
		n, _ := strconv.Atoi(count)
		var args []string
		for range n { // each argument is a line with its length and a line with its text
			lines.Scan()
			lines.Scan()
			args = append(args, lines.Text())
		}
		switch reply := replies[args[0]]; reply {
		case "":
		case hangUp:
			return
		default:
			io.WriteString(c, reply+"\r\n")
		}
	}
}

// fakeSentinel starts a Sentinel that names an address as the primary. It returns its own address.
func fakeSentinel(tb testing.TB, primary string) string {
	tb.Helper()
	host, port, err := net.SplitHostPort(primary)
	if err != nil {
		tb.Fatal(err)
	}
	named := fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s", len(host), host, len(port), port)
	return fake(tb, map[string]string{"PING": "+PONG", "SENTINEL": named})
}

// forward connects each client of a listener to the target at that moment, until the listener is closed.
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
