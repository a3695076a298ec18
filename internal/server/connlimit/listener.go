package connlimit

import (
	"context"
	"net"
	"net/http"
)

type listener struct {
	net.Listener
	limiter *Limiter
	srv     *http.Server
}

// Limit returns bound as a listener with limited connections, for srv to serve. It sets the hooks of srv for these
// connections: srv must have its IdleTimeout and its ReadTimeout already, and must not be serving.
func (l *Limiter) Limit(srv *http.Server, bound net.Listener) net.Listener {
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) { c.(*Conn).changed(state) }
	return &listener{Listener: bound, limiter: l, srv: srv}
}

// Accept waits for a connection, and then for room for it.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: accepted, limiter: l.limiter, srv: l.srv, ended: make(chan struct{})}
	if !l.limiter.add(c) {
		_ = accepted.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close closes the listener and the idle connections that have never carried a signed request. Otherwise, the shutdown
// of srv would wait for a connection that has not sent anything yet.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.limiter.mu.Lock()
	defer l.limiter.mu.Unlock()
	l.limiter.shut = true
	for c := l.limiter.first(stranger); c != nil; c = l.limiter.first(stranger) {
		c.close()
	}
	l.limiter.wake()
	return err
}
