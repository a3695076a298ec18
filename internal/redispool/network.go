package redispool

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
)

const (
	// lookupTimeout limits one DNS lookup. A lookup may take longer than a connection, because its answer is shared and
	// kept.
	lookupTimeout = 5 * time.Second

	// lookupPatience is how long a DNS lookup may take before the addresses of the last answer are used.
	lookupPatience = 100 * time.Millisecond

	// headStart is how long an address may take to accept a connection before the next one is tried as well.
	headStart = 150 * time.Millisecond
)

// Resolver finds the addresses of a host name. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// network opens connections. It remembers the addresses of each host name, and which of them worked. It is safe for
// concurrent use.
type network struct {
	resolver Resolver

	mu      sync.Mutex
	lookups map[string]*lookup      // lookups in progress, by host
	known   map[string][]netip.Addr // the last answers of DNS, by host
	rank    map[string]int64        // by address: above 0 if it answered last time, below if it failed
	ranked  int64                   // the absolute value of the newest rank: newer ranks are further from 0
}

// lookup is one DNS lookup. All callers that need the answer at the same time share it.
type lookup struct {
	done  chan struct{} // closed when the other fields are set
	addrs []netip.Addr
	err   error
}

func newNetwork(r Resolver) *network {
	if r == nil {
		r = net.DefaultResolver
	}
	return &network{resolver: r, lookups: map[string]*lookup{}, known: map[string][]netip.Addr{}, rank: map[string]int64{}}
}

// dial connects to host:port, or to a Unix socket if addr is a path. timeout limits the connecting, but not the first
// lookup of a name.
func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	if strings.HasPrefix(addr, "/") {
		return (&net.Dialer{Timeout: timeout}).DialContext(ctx, "unix", addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := n.addrs(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("find the address of %s: %w", host, err)
	}
	return n.race(ctx, n.inOrder(addrs, port))
}

// addrs returns the addresses of a host. While DNS is slow or fails, it returns those of the last answer. It does not
// do so if DNS answers that the host does not exist.
func (n *network) addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	l, known := n.lookUp(host)
	var slow <-chan time.Time
	if len(known) > 0 {
		slow = time.After(lookupPatience)
	}
	select {
	case <-slow:
		return known, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
	}
	var dns *net.DNSError
	if l.err != nil && len(known) > 0 && !(errors.As(l.err, &dns) && dns.IsNotFound) {
		return known, nil
	}
	return l.addrs, l.err
}

// lookUp joins a lookup of a host that is in progress, or starts one. It also returns the last answer.
func (n *network) lookUp(host string) (*lookup, []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lookups[host]
	if l == nil {
		l = &lookup{done: make(chan struct{})}
		n.lookups[host] = l
		go n.resolve(host, l)
	}
	return l, n.known[host]
}

func (n *network) resolve(host string, l *lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	l.addrs, l.err = n.resolver.LookupNetIP(ctx, "ip", host)
	if l.err == nil && len(l.addrs) == 0 {
		l.err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.err == nil {
		n.known[host] = l.addrs
	}
	delete(n.lookups, host)
	close(l.done)
}

// inOrder returns the addresses with their port. The address that answered last comes first. Then come those that were
// never tried, and then those that failed, the latest failure last.
func (n *network) inOrder(addrs []netip.Addr, port string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ordered []string
	for _, a := range addrs {
		ordered = append(ordered, net.JoinHostPort(a.Unmap().String(), port))
	}
	slices.SortStableFunc(ordered, func(a, b string) int { return cmp.Compare(n.rank[b], n.rank[a]) })
	return ordered
}

// note records whether the server at an address answered. A server that cannot be connected to, or that answers with an
// error, did not.
func (n *network) note(addr string, answered bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ranked++
	n.rank[addr] = n.ranked
	if !answered {
		n.rank[addr] = -n.ranked
	}
}

type dialled struct {
	conn net.Conn
	addr string
	err  error
}

// race connects to the first address that accepts. The next address is tried after the head start of the one before it,
// or as soon as that one fails. The head start is short enough that the last address still has half of the time. The
// error names each address that failed.
func (n *network) race(parent context.Context, addrs []string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	results := make(chan dialled, len(addrs))
	pause := min(headStart, timeout/2/time.Duration(len(addrs)))
	next := time.NewTimer(0)
	defer next.Stop()
	var errs []error
	for started := 0; len(errs) < len(addrs); {
		select {
		case <-next.C:
			if started < len(addrs) {
				go connectTo(ctx, addrs[started], results)
				started++
				next.Reset(pause)
			}
		case r := <-results:
			if r.err == nil {
				go closeAll(results, started-len(errs)-1)
				return r.conn, nil
			}
			if parent.Err() == nil {
				n.note(r.addr, false)
			}
			errs = append(errs, r.err)
			next.Reset(0)
		}
	}
	return nil, errors.Join(errs...)
}

func connectTo(ctx context.Context, addr string, results chan<- dialled) {
	d := net.Dialer{KeepAlive: 15 * time.Second}
	c, err := d.DialContext(ctx, "tcp", addr)
	results <- dialled{c, addr, err}
}

// closeAll closes the connections that were made after the race was won.
func closeAll(results <-chan dialled, n int) {
	for range n {
		if r := <-results; r.err == nil {
			_ = r.conn.Close()
		}
	}
}
