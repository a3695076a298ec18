package redispool_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// dns is a resolver with answers that a test sets.
type dns struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	takes time.Duration
	asked atomic.Int64
}

func (d *dns) say(takes time.Duration, err error, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes, d.err, d.addrs = takes, err, nil
	for _, a := range addrs {
		d.addrs = append(d.addrs, netip.MustParseAddr(a))
	}
}

func (d *dns) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	d.asked.Add(1)
	d.mu.Lock()
	addrs, err, takes := d.addrs, d.err, d.takes
	d.mu.Unlock()
	select {
	case <-time.After(takes):
		return addrs, err
	case <-ctx.Done():
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
}

func named(port int, d *dns) redispool.Options {
	return redispool.Options{URL: redisurl.URL{Addrs: []string{net.JoinHostPort("redis.example.com", strconv.Itoa(port))}}, Resolver: d, Timeout: patient}
}

// hanging returns an address at which connections are never established: the accept queue is full, so the kernel drops
// each new connection.
func hanging(t *testing.T, ip netip.Addr, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: ip.As4(), Port: port}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(ip, uint16(port)).String()
	for n := 0; ; n++ {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		if n == 100 {
			t.Fatalf("%s goes on accepting connections", addr)
		}
	}
}

func TestANameMayHaveAnAddressThatHangs(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	hanging(t, netip.MustParseAddr("127.0.0.2"), server.Port())
	for _, row := range []struct {
		name  string
		addrs []string
	}{
		{"before the good one", []string{"127.0.0.2", "127.0.0.1"}},
		{"several times", []string{"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.1"}},
		{"after the good one", []string{"127.0.0.1", "127.0.0.2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := &dns{}
			d.say(0, nil, row.addrs...)
			p := open(t, named(server.Port(), d))
			eventually(t, func() error { _, err := do(p, "PING"); return err })
		})
	}
	t.Run("where the name comes from Sentinels", func(t *testing.T) {
		d := &dns{}
		d.say(0, nil, "127.0.0.2", "127.0.0.1")
		o := named(server.Port(), d)
		o.URL = redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{saying(t, o.URL.Addrs[0])}, Primary: "primary"}
		p := open(t, o)
		eventually(t, func() error { _, err := do(p, "PING"); return err })
	})
	t.Run("where it is a node of a Cluster", func(t *testing.T) {
		cluster := redistest.StartCluster(t, 1, false, redistest.Options{})
		port := cluster.Primaries[0].Port()
		hanging(t, netip.MustParseAddr("127.0.0.2"), port)
		d := &dns{}
		d.say(0, nil, "127.0.0.2", "127.0.0.1")
		o := named(port, d)
		o.URL.Topology = redisurl.Cluster
		p := open(t, o)
		eventually(t, func() error { _, err := do(p, "PING"); return err })
	})
}

// The server accepts connections, as the kernel does for a server that hangs, and is then the first address.
func TestAnAddressThatDoesNotAnswerComesLast(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	var accepted atomic.Int64
	silentAt(t, net.JoinHostPort("127.0.0.2", strconv.Itoa(server.Port())), &accepted)
	d := &dns{}
	d.say(0, nil, "127.0.0.2", "127.0.0.1")
	o := named(server.Port(), d)
	o.Timeout = 0
	p := open(t, o)
	if _, err := do(p, "PING"); err == nil || !strings.Contains(err.Error(), "127.0.0.2") {
		t.Errorf("the error is %v, want one that names the address that hangs", err)
	}
	eventually(t, func() error { _, err := do(p, "PING"); return err })
	fill(t, p, 5)
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d connections were made to the address that does not answer, want the first one", n)
	}
}

func TestAnErrorNamesEachAddressThatFailed(t *testing.T) {
	d := &dns{}
	d.say(0, nil, "127.0.0.2", "127.0.0.3")
	port := redistest.FreePort(t)
	_, err := do(open(t, named(port, d)), "PING")
	for _, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		if err == nil || !strings.Contains(err.Error(), net.JoinHostPort(ip, strconv.Itoa(port))) {
			t.Errorf("%s is not in the error: %v", ip, err)
		}
	}
	if !unreachable(err) {
		t.Errorf("%v does not count as the network's", err)
	}
}

func TestDNS(t *testing.T) {
	server, other := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	notFound := &net.DNSError{Err: "no such host", Name: "redis.example.com", IsNotFound: true}
	broken := &net.DNSError{Err: "server misbehaving", Name: "redis.example.com", IsTemporary: true}
	for _, row := range []struct {
		name string
		run  func(t *testing.T, d *dns, get func() error)
	}{
		{"may take longer than a connection", func(t *testing.T, d *dns, get func() error) {
			d.say(3*time.Second, nil, "127.0.0.1")
			if err := get(); err != nil {
				t.Error(err)
			}
		}},
		{"is asked once by all who wait", func(t *testing.T, d *dns, get func() error) {
			d.say(3*time.Second, nil, "127.0.0.1")
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if err := get(); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if n := d.asked.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
		}},
		{"is not waited for where an answer is known", func(t *testing.T, d *dns, get func() error) {
			d.say(0, nil, "127.0.0.1")
			if err := get(); err != nil {
				t.Error(err)
			}
			d.say(3*time.Second, nil, "127.0.0.1")
			began := time.Now()
			if err := get(); err != nil || time.Since(began) > time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}},
		{"may fail where an answer is known", func(t *testing.T, d *dns, get func() error) {
			d.say(0, nil, "127.0.0.1")
			if err := get(); err != nil {
				t.Error(err)
			}
			d.say(0, broken)
			if err := get(); err != nil {
				t.Error(err)
			}
		}},
		{"is believed when it says that there is no such host", func(t *testing.T, d *dns, get func() error) {
			d.say(0, nil, "127.0.0.1")
			if err := get(); err != nil {
				t.Error(err)
			}
			d.say(0, notFound)
			if err := get(); !errors.Is(err, notFound) {
				t.Errorf("the error is %v", err)
			}
		}},
		{"gets five seconds", func(t *testing.T, d *dns, get func() error) {
			d.say(time.Minute, nil, "127.0.0.1")
			began := time.Now()
			if err := get(); !unreachable(err) || time.Since(began) != 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}},
		{"answers late for the next one", func(t *testing.T, d *dns, get func() error) {
			d.say(3*time.Second, nil, "127.0.0.1")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			p := redispool.Open(named(server.Port(), d)).Pool
			defer p.Close()
			if _, err := p.GetContext(ctx); !unreachable(err) {
				t.Errorf("whoever waits a second is told %v", err)
			}
			time.Sleep(3 * time.Second)
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, err := p.GetContext(ctx)
			if err != nil {
				t.Error(err)
			}
			c.Close()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dns{}
				p := redispool.Open(named(server.Port(), d)).Pool
				defer p.Close()
				row.run(t, d, func() error {
					c, err := p.DialContext(t.Context()) // not the idle one
					if err == nil {
						c.Close()
					}
					return err
				})
				time.Sleep(time.Minute) // wait until the background work has ended
			})
		})
	}
	t.Run("may move the name to another server", func(t *testing.T) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(server.Port())))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go forward(l, other.Addr)
		synctest.Test(t, func(t *testing.T) {
			d := &dns{}
			d.say(0, nil, "127.0.0.1")
			p := redispool.Open(named(server.Port(), d)).Pool
			defer p.Close()
			if _, err := do(p, "SET", "key", "old"); err != nil {
				t.Error(err)
			}
			d.say(0, nil, "127.0.0.2")
			for range 7 { // as long as a connection may live
				time.Sleep(time.Minute)
				if _, err := do(p, "SET", "key", "new"); err != nil {
					t.Error(err)
				}
			}
		})
		if got := other.CLI("GET", "key"); got != "new" {
			t.Errorf("the server that the name leads to now holds %q", got)
		}
	})
}

func TestALossConcernsOnlyTheAddressThatItHappenedAt(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(server.Port())))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go forward(l, server.Addr)
	d := &dns{}
	p := open(t, named(server.Port(), d))
	d.say(0, nil, "127.0.0.1")
	lost := p.Get()
	d.say(0, nil, "127.0.0.2")
	other := p.Get()
	id, err := redis.Int64(lost.Do("CLIENT", "ID"))
	before, otherErr := redis.Int64(other.Do("CLIENT", "ID"))
	if errors.Join(err, otherErr) != nil {
		t.Fatal(err, otherErr)
	}
	other.Close()
	server.CLI("CLIENT", "KILL", "ID", strconv.FormatInt(id, 10))
	if _, err := lost.Do("PING"); err == nil {
		t.Error("the connection was not lost: the test has tested nothing")
	}
	lost.Close()
	if after := clientID(t, p); after != before {
		t.Error("the connection to the other address was given up")
	}
}

func TestASentinelMayNameAHostThatIsNotKnown(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	d := &dns{}
	d.say(0, &net.DNSError{Err: "no such host", Name: "gone.example.com", IsNotFound: true})
	gone := saying(t, "gone.example.com:6379")
	t.Run("while another one knows the primary", func(t *testing.T) {
		sentinels := []string{gone, saying(t, server.Addr())}
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: sentinels, Primary: "primary"}, Resolver: d, Timeout: patient})
		if _, err := do(p, "PING"); err != nil {
			t.Error(err)
		}
	})
	t.Run("and the error contains the name and is not a refusal", func(t *testing.T) {
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{gone}, Primary: "primary"}, Resolver: d})
		_, err := do(p, "PING")
		if err == nil || redispool.Refused(err) || !strings.Contains(err.Error(), "gone.example.com") {
			t.Errorf("the error is %v", err)
		}
	})
}
