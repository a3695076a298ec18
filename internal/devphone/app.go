package devphone

import (
	"cmp"
	"context"
	"net"
	"time"
)

// dialTimeout is how long the app may take to accept a connection. It is usually on this host.
const dialTimeout = time.Second

// reachable returns whether the app accepts a connection. It sends nothing to the app.
func (p *Page) reachable(ctx context.Context, _ request) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	app := p.App.Parsed()
	address := net.JoinHostPort(app.Hostname(), cmp.Or(app.Port(), app.Scheme))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		err = conn.Close()
	}
	return map[string]bool{"reachable": err == nil}, nil
}
