package devphone

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"smsession/internal/weburl"
)

// dialTimeout is how long the app may take to accept a connection. It is usually on this host.
const dialTimeout = time.Second

// reachable returns whether the app accepts a connection.
func (p *Page) reachable(ctx context.Context, _ request) (any, error) {
	return map[string]bool{"reachable": p.dial(ctx)}, nil
}

// CheckApp logs a warning if there is an app, and it accepts no connection within a second. It sends nothing to the
// app. It is safe for concurrent use.
func (p *Page) CheckApp(ctx context.Context, log *slog.Logger) {
	if p.App != (weburl.URL{}) && !p.dial(ctx) && ctx.Err() == nil {
		log.Warn("the app accepts no connection: start it, and the service will find it", "app_url", p.App.Concealed())
	}
}

// dial reports whether the app accepts a connection. It sends nothing to the app.
func (p *Page) dial(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	app := p.App.Parsed()
	address := net.JoinHostPort(app.Hostname(), cmp.Or(app.Port(), app.Scheme))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		err = conn.Close()
	}
	return err == nil
}
