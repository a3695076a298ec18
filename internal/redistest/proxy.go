package redistest

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lastWords is how long a client may take to close its side of a connection whose reply was lost. It does so as soon as
// it reads, so that this is for clients that never do.
const lastWords = 2 * time.Second

// Proxy stands in front of a Redis and passes bytes on until it is told to do harm. Its methods are safe for concurrent
// use.
type Proxy struct {
	tb     testing.TB
	target string
	addr   string
	ctx    context.Context // ends with the test
	wg     sync.WaitGroup
	cuts   atomic.Int64

	mu       sync.Mutex
	listener net.Listener // nil while down
	links    map[*link]bool
	share    float64
	dice     *rand.Rand
}

// link is one client's connection and its counterpart.
type link struct {
	client, target *net.TCPConn
	asked          atomic.Bool // the client has sent something since the last reply
}

// StartProxy starts a proxy in front of target, host:port, on a free loopback port. It ends with the test.
func StartProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{tb: tb, target: target, ctx: ctx, links: map[*link]bool{}}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		cancel()
		tb.Fatalf("redistest: start a proxy: %v", err)
	}
	p.addr = l.Addr().String()
	p.serve(l)
	tb.Cleanup(func() {
		cancel()
		p.Down()
		p.wg.Wait()
	})
	return p
}

// Addr returns host:port, which stays the same while the proxy goes down and up.
func (p *Proxy) Addr() string { return p.addr }

// CutReplies makes the proxy lose this share, 0 to 1, of the replies: the commands reach Redis and are executed, and
// the connection is closed instead of answered. A pipeline counts as one; the end of a large one may be executed a
// moment after its client has lost the connection. The same seed makes the same choices in the
// same order of exchanges. A share of 0 ends it.
func (p *Proxy) CutReplies(share float64, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share, p.dice = share, rand.New(rand.NewPCG(seed, 0))
}

// Cuts returns how many replies were lost so far, for a test that wants to know that it has tested something.
func (p *Proxy) Cuts() int { return int(p.cuts.Load()) }

// Down resets all connections and refuses new ones, as a host does whose Redis has died.
func (p *Proxy) Down() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Reset()
}

// Up ends Down.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.ctx.Err() != nil {
		return
	}
	l, err := p.listenAgain()
	if err != nil {
		p.tb.Errorf("redistest: bring the proxy up again: %v", err)
		return
	}
	p.serve(l)
}

// RefuseFor is Down, and Up after d. It returns at once.
func (p *Proxy) RefuseFor(d time.Duration) {
	p.Down()
	p.wg.Go(func() {
		select {
		case <-p.ctx.Done():
		case <-time.After(d):
			p.Up()
		}
	})
}

// Reset ends all present connections with a TCP reset, as a balancer or a firewall does that has forgotten them. New
// ones are accepted.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = l.client.SetLinger(0)
		l.close()
	}
}

// listenAgain takes the old port. An outgoing connection of this host may have been given it for a moment.
func (p *Proxy) listenAgain() (net.Listener, error) {
	deadline := time.Now().Add(5 * time.Second)
	for {
		l, err := net.Listen("tcp", p.addr)
		if err == nil || time.Now().After(deadline) {
			return l, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// serve accepts connections in the background until l is closed.
func (p *Proxy) serve(l net.Listener) {
	p.listener = l
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.connect(l, c.(*net.TCPConn)) })
		}
	})
}

// connect joins a client to the target until either side ends.
func (p *Proxy) connect(from net.Listener, client *net.TCPConn) {
	dialer := net.Dialer{Timeout: time.Second}
	target, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	l := &link{client: client, target: target.(*net.TCPConn)}
	defer l.close()
	if !p.add(from, l) {
		return
	}
	defer p.remove(l)

	var requests sync.WaitGroup
	requests.Go(func() {
		l.passRequests()
		// The target must not wait for more, but may still answer what it has.
		_ = l.target.CloseWrite()
	})
	p.passReplies(l)
	l.close()
	requests.Wait()
}

// add remembers a connection, unless the listener it came from was closed while the target was dialled.
func (p *Proxy) add(from net.Listener, l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != from {
		return false
	}
	p.links[l] = true
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// loses decides about one reply.
func (p *Proxy) loses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.share > 0 && p.dice.Float64() < p.share
}

// passReplies returns when either side has ended, or when a reply is lost.
func (p *Proxy) passReplies(l *link) {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.target.Read(buf)
		if n > 0 && l.asked.Swap(false) && p.loses() {
			p.cuts.Add(1)
			l.lose(buf)
			return
		}
		if _, werr := l.client.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (l *link) passRequests() {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.client.Read(buf)
		if n > 0 {
			l.asked.Store(true)
		}
		if _, werr := l.target.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// lose ends the connection for the client, which reads the end of the stream instead of a reply. The requests go on
// being passed until the client closes its side: a pipeline arrives in pieces, and its first reply may come before its
// last command, but what was sent must be executed, or else it is not the reply that was lost.
func (l *link) lose(buf []byte) {
	deadline := time.Now().Add(lastWords)
	_ = l.client.CloseWrite()
	_ = l.client.SetReadDeadline(deadline)
	_ = l.target.SetReadDeadline(deadline)
	for {
		if _, err := l.target.Read(buf); err != nil {
			return
		}
	}
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.target.Close()
}
