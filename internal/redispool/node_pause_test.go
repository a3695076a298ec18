package redispool

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
