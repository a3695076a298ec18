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

// withDNS runs a test on a fake clock with a listener. The test gets the answers of DNS for the host, and a function
// that connects to the host. At the end, withDNS waits until all lookups have ended.
func withDNS(t *testing.T, run func(t *testing.T, names *dns, connect func(ctx context.Context) error)) {
	t.Helper()
	addr := net.JoinHostPort(host, listen(t, "127.0.0.1", "0"))
	synctest.Test(t, func(t *testing.T) {
		names := &dns{}
		d := &dial.Dialer{Resolver: names}
		run(t, names, func(ctx context.Context) error { _, err := connect(ctx, d, addr); return err })
		time.Sleep(time.Minute)
	})
}

func TestAnswersOfDNS(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	broken := &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	local := []string{"127.0.0.1"}
	type lookup struct {
		addrs   []string
		err     error
		takes   time.Duration
		want    func(error) bool // nil if there is no error
		atMost  time.Duration
		atLeast time.Duration
	}
	known := lookup{addrs: local}
	for _, row := range []struct {
		name    string
		lookups []lookup
	}{
		{"a lookup may take longer than a connection", []lookup{{addrs: local, takes: 3 * time.Second, atMost: 3 * time.Second}}},
		{"the dialer does not wait for a slow lookup if it has an earlier answer", []lookup{known, {addrs: local, takes: 3 * time.Second, atMost: time.Second}}},
		{"a lookup may fail if an earlier answer is known", []lookup{known, {err: broken}}},
		{"a host that does not exist any more is an error", []lookup{known, {err: notFound, want: func(err error) bool { return errors.Is(err, notFound) }}}},
		{"a host without addresses is an error", []lookup{{want: func(err error) bool { return strings.Contains(err.Error(), host) }}}},
		{"a lookup may take five seconds", []lookup{{addrs: local, takes: time.Minute, atLeast: 5 * time.Second, atMost: 5 * time.Second,
			want: func(err error) bool { return errors.As(err, new(net.Error)) }}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			withDNS(t, func(t *testing.T, names *dns, connect func(context.Context) error) {
				for i, l := range row.lookups {
					names.answer(l.takes, l.err, l.addrs...)
					began := time.Now()
					err := connect(t.Context())
					if (err != nil) != (l.want != nil) || err != nil && !l.want(err) {
						t.Errorf("after lookup %d, the error is %v", i+1, err)
					}
					if took := time.Since(began); took > l.atMost || took < l.atLeast {
						t.Errorf("after lookup %d, connecting took %v, want %v to %v", i+1, took, l.atLeast, l.atMost)
					}
				}
			})
		})
	}
}

func TestCallersShareALookup(t *testing.T) {
	t.Run("all callers at the same time share one lookup", func(t *testing.T) {
		withDNS(t, func(t *testing.T, names *dns, connect func(context.Context) error) {
			names.answer(3*time.Second, nil, "127.0.0.1")
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if err := connect(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if n := names.lookups.Load(); n != 1 {
				t.Errorf("there were %d lookups", n)
			}
		})
	})
	t.Run("the next caller gets a late answer", func(t *testing.T) {
		withDNS(t, func(t *testing.T, names *dns, connect func(context.Context) error) {
			names.answer(3*time.Second, nil, "127.0.0.1")
			for _, ok := range []bool{false, true} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := connect(ctx); (err == nil) != ok || !ok && !errors.Is(err, context.DeadlineExceeded) {
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
		reported string // the address of a report
		answered bool
		want     string
	}{
		{"an address that refuses connections is skipped", "", false, "127.0.0.2"},
		{"an address that does not answer comes last", "127.0.0.2", false, "127.0.0.1"},
		{"the address whose failure is the latest comes last", "127.0.0.1", false, "127.0.0.2"},
		{"an address that answers again comes first", "127.0.0.1", true, "127.0.0.1"},
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
