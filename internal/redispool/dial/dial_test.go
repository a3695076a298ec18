package dial_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"smsession/internal/redispool/dial"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// dns is a resolver with answers that a test sets.
type dns struct {
	mu      sync.Mutex
	addrs   []netip.Addr
	err     error
	takes   time.Duration
	lookups atomic.Int64
}

// answer sets the answer of all later lookups.
func (d *dns) answer(takes time.Duration, err error, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes, d.err, d.addrs = takes, err, nil
	for _, a := range addrs {
		d.addrs = append(d.addrs, netip.MustParseAddr(a))
	}
}

func (d *dns) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	d.lookups.Add(1)
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

const host = "redis.example.com"

// listen returns the port of a listener on an address.
func listen(t *testing.T, ip, port string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// connect dials a host and returns the IP address of the connection.
func connect(ctx context.Context, d *dial.Dialer, addr string) (ip string, err error) {
	c, err := d.Dial(ctx, addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ip, _, err = net.SplitHostPort(c.RemoteAddr().String())
	return ip, err
}

func TestDNS(t *testing.T) {
	addr := net.JoinHostPort(host, listen(t, "127.0.0.1", "0"))
	notFound := &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	broken := &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	for _, row := range []struct {
		name string
		run  func(t *testing.T, d *dns, connect func() error)
	}{
		{"a lookup may take longer than a connection", func(t *testing.T, d *dns, connect func() error) {
			d.answer(3*time.Second, nil, "127.0.0.1")
			if err := connect(); err != nil {
				t.Error(err)
			}
		}},
		{"all callers share one lookup", func(t *testing.T, d *dns, connect func() error) {
			d.answer(3*time.Second, nil, "127.0.0.1")
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if err := connect(); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if n := d.lookups.Load(); n != 1 {
				t.Errorf("there were %d lookups", n)
			}
		}},
		{"a slow lookup is not waited for if there is an answer", func(t *testing.T, d *dns, connect func() error) {
			d.answer(0, nil, "127.0.0.1")
			if err := connect(); err != nil {
				t.Error(err)
			}
			d.answer(3*time.Second, nil, "127.0.0.1")
			began := time.Now()
			if err := connect(); err != nil || time.Since(began) > time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}},
		{"a lookup may fail if there is an answer", func(t *testing.T, d *dns, connect func() error) {
			d.answer(0, nil, "127.0.0.1")
			if err := connect(); err != nil {
				t.Error(err)
			}
			d.answer(0, broken)
			if err := connect(); err != nil {
				t.Error(err)
			}
		}},
		{"a host that does not exist any more is an error", func(t *testing.T, d *dns, connect func() error) {
			d.answer(0, nil, "127.0.0.1")
			if err := connect(); err != nil {
				t.Error(err)
			}
			d.answer(0, notFound)
			if err := connect(); !errors.Is(err, notFound) {
				t.Errorf("the error is %v", err)
			}
		}},
		{"a host without addresses is an error", func(t *testing.T, d *dns, connect func() error) {
			d.answer(0, nil)
			if err := connect(); err == nil || !strings.Contains(err.Error(), host) {
				t.Errorf("the error is %v", err)
			}
		}},
		{"a lookup may take five seconds", func(t *testing.T, d *dns, connect func() error) {
			d.answer(time.Minute, nil, "127.0.0.1")
			began := time.Now()
			if err := connect(); !errors.As(err, new(net.Error)) || time.Since(began) != 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := &dns{}
				d := &dial.Dialer{Resolver: names}
				row.run(t, names, func() error { _, err := connect(t.Context(), d, addr); return err })
				time.Sleep(time.Minute) // until the lookups have ended
			})
		})
	}
	t.Run("a late answer serves the next caller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			names := &dns{}
			names.answer(3*time.Second, nil, "127.0.0.1")
			d := &dial.Dialer{Resolver: names}
			for _, ok := range []bool{false, true} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := connect(ctx, d, addr); (err == nil) != ok || !ok && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a caller that waits for one second gets %v", err)
				}
				time.Sleep(3 * time.Second)
			}
		})
	})
}

func TestOrder(t *testing.T) {
	port := listen(t, "127.0.0.1", "0")
	listen(t, "127.0.0.2", port)
	addr := net.JoinHostPort(host, port)
	names := &dns{}
	names.answer(0, nil, "127.0.0.3", "127.0.0.2", "127.0.0.1") // nothing listens on the first one
	d := &dial.Dialer{Resolver: names}
	for _, row := range []struct {
		name     string
		reported string // as not answering
		answered bool
		want     string
	}{
		{"an address that refuses connections is skipped", "", false, "127.0.0.2"},
		{"an address that does not answer comes last", "127.0.0.2", false, "127.0.0.1"},
		{"of several such addresses, the latest comes last", "127.0.0.1", false, "127.0.0.2"},
		{"an address that answers again does not", "127.0.0.1", true, "127.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.reported != "" {
				d.Report(net.JoinHostPort(row.reported, port), row.answered)
			}
			if got, err := connect(t.Context(), d, addr); got != row.want || err != nil {
				t.Errorf("connected to %q, %v, want %s", got, err, row.want)
			}
		})
	}
	t.Run("the error contains each address", func(t *testing.T) {
		names.answer(0, nil, "127.0.0.3", "127.0.0.4")
		_, err := connect(t.Context(), d, addr)
		for _, ip := range []string{"127.0.0.3", "127.0.0.4"} {
			if err == nil || !strings.Contains(err.Error(), net.JoinHostPort(ip, port)) {
				t.Errorf("%s is not in the error: %v", ip, err)
			}
		}
		if !errors.As(err, new(net.Error)) {
			t.Errorf("%v is not an error of the network", err)
		}
	})
}
