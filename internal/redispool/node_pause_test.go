package redispool

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
)

// counting is a resolver that knows no host and counts the lookups. It stands for a server that cannot be connected to:
// each attempt makes one lookup.
type counting struct {
	asked atomic.Int64
	takes time.Duration
}

var errNoHost = &net.DNSError{Err: "no such host", IsNotFound: true}

func (c *counting) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	c.asked.Add(1)
	time.Sleep(c.takes)
	return nil, errNoHost
}

// Without a pause, each of the 64 callers would try 40 times in these ten seconds.
func TestAServerThatCannotBeConnectedToIsNotStormed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &counting{}
		pool := Open(Options{URL: redisurl.URL{Addrs: []string{"redis.example.com:6379"}}, Resolver: dns})
		defer pool.Close()
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				for range 40 {
					if _, err := pool.GetContext(t.Context()); !errors.Is(err, errNoHost) {
						t.Errorf("the error is %v, want the resolver's", err)
					}
					time.Sleep(250 * time.Millisecond) // the longest pause of a message
				}
			})
		}
		group.Wait()
		if n := dns.asked.Load(); n < 10 || n > 45 {
			t.Errorf("there were %d tries to connect, want about four a second", n)
		}
	})
}

func TestOneCallerAtATimeTriesAServerThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &node{}
		d.leave(errNoHost, false)
		time.Sleep(dialPause)
		if err := d.enter(); err != nil {
			t.Fatalf("the first one after the pause may not try: %v", err)
		}
		time.Sleep(10 * dialPause)
		if err := d.enter(); !errors.Is(err, errNoHost) {
			t.Errorf("while it tries, the next caller gets %v", err)
		}
	})
}

func TestATryThatItsCallerGivesUpSaysNothingOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := Open(Options{URL: redisurl.URL{Addrs: []string{"redis.example.com:6379"}}, Resolver: &counting{takes: time.Second}})
		defer pool.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := pool.GetContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller that gives up gets %v", err)
		}
		if _, err := pool.GetContext(t.Context()); !errors.Is(err, errNoHost) {
			t.Errorf("the next caller gets %v, want the error of the resolver", err)
		}
	})
}

// pooled returns a connection as a node gives it to the pool.
func pooled(t *testing.T, d *node, peer string) *conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	w := &wire{Conn: client}
	return &conn{Conn: redis.NewConn(w, 0, 0), wire: w, addr: d.addr, lost: d.lossesAt(peer), expires: time.Now().Add(time.Hour)}
}

func TestALossConcernsOnlyOlderConnectionsToTheSameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &node{addr: "redis.example.com:6379"}
		lost, same, other := pooled(t, d, "10.0.0.1:6379"), pooled(t, d, "10.0.0.1:6379"), pooled(t, d, "10.0.0.2:6379")
		before := time.Now()
		time.Sleep(time.Second)
		lost.lost.note(io.EOF)
		time.Sleep(time.Second)
		if reusable(same, before) == nil {
			t.Error("a connection that was idle before the loss is used again")
		}
		if err := reusable(same, time.Now()); err != nil {
			t.Errorf("a connection that was used since then is not: %v", err)
		}
		if err := reusable(other, before); err != nil {
			t.Errorf("a connection to another address of the same name is not: %v", err)
		}
	})
}
