// Package dial opens network connections to hosts that may have several addresses, some of which may not answer.
// [net.Dialer] lets the first address take at least two seconds, and asks DNS again for each connection.
package dial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Timeout is how long connecting to a host may take, including all its addresses.
const Timeout = time.Second

const (
	// lookupTimeout limits one DNS lookup. A lookup may take longer than a connection, because all callers share its
	// answer, and the dialer keeps it.
	lookupTimeout = 5 * time.Second

	// lookupPatience is how long a DNS lookup may take before the dialer uses the last answer instead.
	lookupPatience = 100 * time.Millisecond
)

// Resolver finds the addresses of a host name. [net.Resolver] implements it.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer opens connections. It remembers the addresses of each host name, and which of them answered. It is safe for
// concurrent use.
type Dialer struct {
	Resolver Resolver // nil means net.DefaultResolver

	lookups  singleflight.Group // by host
	answers  sync.Map           // the last answers of DNS: []netip.Addr by host
	failures sync.Map           // the last failure since the last success: int64, Unix time in ns, by address
}

// Dial connects to host:port, or to a Unix socket if addr is a path. It takes at most Timeout plus the lookup of a host
// name: up to five seconds for the first lookup, and 100 ms for a later one. It returns the error of ctx, a
// [net.DNSError], or the joined errors of all addresses, each of which is a [net.OpError].
//
// A lookup may continue after ctx has ended, for up to five seconds, and later callers use its answer. Otherwise
// callers that wait for less time than DNS takes would never get an answer.
func (d *Dialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if strings.HasPrefix(addr, "/") {
		return (&net.Dialer{Timeout: Timeout}).DialContext(ctx, "unix", addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := d.lookUp(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("find the address of %s: %w", host, err)
	}
	return d.dialAny(ctx, d.order(ips, port))
}

// Report records whether the server at the remote address of a connection accepted us. Dial tries the addresses that
// did not accept us after the other ones.
func (d *Dialer) Report(addr string, answered bool) {
	if answered {
		d.failures.Delete(addr)
	} else {
		d.failures.Store(addr, time.Now().UnixNano())
	}
}

// lookUp returns the addresses of a host. While DNS is slow or fails, it returns the addresses of the last answer. If
// DNS answers that the host does not exist, it returns that error.
func (d *Dialer) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	var slow <-chan time.Time
	last, hasLast := d.answers.Load(host)
	if hasLast {
		slow = time.After(lookupPatience)
	}
	lookup := d.lookups.DoChan(host, func() (any, error) { return d.resolve(host) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-slow:
	case answer := <-lookup:
		dns, isDNS := errors.AsType[*net.DNSError](answer.Err)
		if answer.Err == nil || !hasLast || isDNS && dns.IsNotFound {
			return answer.Val.([]netip.Addr), answer.Err
		}
	}
	return last.([]netip.Addr), nil
}

// resolve asks DNS and keeps the answer. All callers share the lookup, so it does not use the context of a caller.
func (d *Dialer) resolve(host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	ips, err := cmp.Or[Resolver](d.Resolver, net.DefaultResolver).LookupNetIP(ctx, "ip", host)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if err == nil {
		d.answers.Store(host, ips)
	}
	return ips, err
}

// order returns the addresses with their port. Addresses that failed come last, the latest failure at the very end.
func (d *Dialer) order(ips []netip.Addr, port string) []string {
	var addrs []string
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
	}
	failure := func(addr string) int64 {
		at, _ := d.failures.Load(addr)
		ns, _ := at.(int64)
		return ns
	}
	slices.SortStableFunc(addrs, func(a, b string) int { return cmp.Compare(failure(a), failure(b)) })
	return addrs
}

// dialAny connects to the first address that accepts. Each address gets an equal share of the time that is left. The
// error names each address that failed.
func (d *Dialer) dialAny(ctx context.Context, addrs []string) (net.Conn, error) {
	deadline := time.Now().Add(Timeout)
	var errs []error
	for i, addr := range addrs {
		share := time.Until(deadline) / time.Duration(len(addrs)-i)
		c, err := (&net.Dialer{Deadline: time.Now().Add(share)}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c, nil
		}
		if ctx.Err() == nil {
			d.Report(addr, false)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
