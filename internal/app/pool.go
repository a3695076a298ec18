package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"

	"smsession/internal/weburl"
)

const (
	// connectTimeout is the time for one TCP connection, and again for its TLS handshake. It lets a request be tried a
	// second time within the default APP_TIMEOUT.
	connectTimeout = 3 * time.Second

	// idleTimeout is how long an unused connection is kept. Common servers keep it longer (gunicorn for 2 s, Node for
	// 5 s), so a request is rarely sent on a connection that its server is closing.
	idleTimeout = time.Second
)

// pool is the connections to the app. It is safe for concurrent use. It uses no proxy: the app belongs to the same
// team, and HTTP_PROXY is usually set for requests to the internet.
type pool struct {
	address string
	tls     *tls.Config // nil without TLS

	mu   sync.Mutex
	idle []*conn // the last one was used last
}

// newPool returns an empty pool for the server of a URL.
func newPool(u weburl.URL) *pool {
	name := ascii(u.Parsed().Hostname())
	p := &pool{address: net.JoinHostPort(name, u.Port())}
	if u.IsHTTPS() {
		p.tls = &tls.Config{ServerName: name}
	}
	return p
}

// get returns the idle connection that was used last, or a new connection.
func (p *pool) get(ctx context.Context) (c *conn, isReused bool, _ error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		c, p.idle = p.idle[last], p.idle[:last]
	}
	p.mu.Unlock()
	if c != nil {
		c.timer.Stop()
		return c, true, nil
	}
	c, err := p.dial(ctx)
	return c, false, err
}

// dial connects to the app.
func (p *pool) dial(ctx context.Context) (*conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, socket: raw}
	if p.tls != nil {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		secured := tls.Client(raw, p.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		c.Conn = secured
	}
	c.reader = bufio.NewReader(c)
	return c, nil
}

// put keeps a connection for another request.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	if c.timer == nil {
		c.timer = time.AfterFunc(idleTimeout, func() { p.drop(c) })
	} else {
		c.timer.Reset(idleTimeout)
	}
}

// drop closes a connection if it is idle.
func (p *pool) drop(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.Close() // may wait for 5 s, if the app reads nothing
	}
}

// close closes the idle connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.timer.Stop()
		c.Close()
	}
	p.idle = nil
}
