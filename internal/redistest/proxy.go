package redistest

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// closeTimeout is how long a client may take to close its connection after a reply was lost. A client closes it when it
// next reads, so the time-out is only for clients that never read.
const closeTimeout = 2 * time.Second

// Proxy passes bytes between clients and a Redis until a test makes it fail. Its methods are safe for concurrent use.
type Proxy struct {
	tb     testing.TB
	target string
	addr   string
	group  sync.WaitGroup
	cuts   atomic.Int64

	mu       sync.Mutex
	listener net.Listener // nil while the proxy is down
	links    map[*link]bool
	impaired impaired

	catching sync.Mutex
	caught   func(reply []byte) bool // see Catch; nil if there is none
}

// link is the connection of a client and the connection to the target.
type link struct {
	client, target *net.TCPConn
	asked          atomic.Bool // the client has sent something since the last reply
}

// StartProxy starts a proxy in front of target, host:port, on a free loopback port. It ends with the test.
func StartProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(ReservePort(tb))))
	if err != nil {
		tb.Fatalf("redistest: start a proxy: %v", err)
	}
	p := &Proxy{tb: tb, target: target, addr: l.Addr().String(), links: map[*link]bool{}}
	p.impaired.ended = make(chan struct{})
	p.serve(l)
	tb.Cleanup(func() {
		p.Impair(Impairment{}, 0)
		p.Down()
		p.group.Wait()
	})
	return p
}

// Addr returns host:port. It does not change when the proxy goes down and up.
func (p *Proxy) Addr() string { return p.addr }

// Cuts returns how many replies have been lost. If it returns 0, a test of lost replies has tested nothing.
func (p *Proxy) Cuts() int { return int(p.cuts.Load()) }

// Down resets all connections and refuses new ones, like a host on which Redis has died.
func (p *Proxy) Down() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Reset()
}

// Up ends Down. It does nothing if the proxy is not down.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.tb.Errorf("redistest: bring the proxy up again: %v", err)
		return
	}
	p.serve(l)
}

// Reset ends all present connections with a TCP reset, like a balancer or a firewall that has forgotten them. New
// connections are accepted.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = l.client.SetLinger(0)
		l.close()
	}
}

// serve accepts connections in the background until l is closed.
func (p *Proxy) serve(l net.Listener) {
	p.listener = l
	p.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.connect(l, c.(*net.TCPConn)) })
		}
	})
}

// connect connects a client to the target until one side closes its connection, or the proxy goes down.
func (p *Proxy) connect(from net.Listener, client *net.TCPConn) {
	target, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	l := &link{client: client, target: target.(*net.TCPConn)}
	defer l.close()
	p.mu.Lock()
	isUp := p.listener == from // the proxy may have gone down while the target was dialled
	p.links[l] = isUp
	p.mu.Unlock()
	if isUp {
		p.passBoth(l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// passBoth copies bytes in both directions until one side is closed, or a reply is lost.
func (p *Proxy) passBoth(l *link) {
	var requests sync.WaitGroup
	requests.Go(func() {
		pass(l.client, func(b []byte) bool { return p.passRequest(l, b) })
		_ = l.target.CloseWrite() // the target may still answer the commands that it has received
	})
	pass(l.target, func(b []byte) bool { return p.passReply(l, b) })
	l.close()
	requests.Wait()
}

// pass copies bytes until one side is closed, or until to returns false.
func pass(from *net.TCPConn, to func(b []byte) bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !to(buffer[:n]) || err != nil {
			return
		}
	}
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.target.Close()
}
