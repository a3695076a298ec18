package replica

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"smsession/internal/server"
)

// Listeners are the bound ports of a replica. They are bound before anything else is built or logged, so that a port that is
// taken is the only thing that is reported.
type Listeners struct {
	Public net.Listener
	Admin  net.Listener // nil if there is no private listener
}

// Listen binds the ports. If adminAddr is "", there is no private listener.
func Listen(addr, adminAddr string) (Listeners, error) {
	public, err := net.Listen("tcp", addr)
	if err != nil {
		return Listeners{}, fmt.Errorf("bind the public listener: %w", err)
	}
	if adminAddr == "" {
		return Listeners{Public: public}, nil
	}
	admin, err := net.Listen("tcp", adminAddr)
	if err != nil {
		public.Close()
		return Listeners{}, fmt.Errorf("bind the private listener: %w", err)
	}
	return Listeners{Public: public, Admin: admin}, nil
}

// ListenNearby is Listen for addresses that the user did not choose. If such an address is taken, it binds a free port of
// the loopback address instead.
func ListenNearby(addr, adminAddr string, chosen, adminChosen bool) (Listeners, error) {
	for {
		l, err := Listen(addr, adminAddr)
		var failed *net.OpError
		if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &failed) {
			return l, err
		}
		switch taken := failed.Addr.String(); {
		case !chosen && taken == addr:
			addr, chosen = "127.0.0.1:0", true
		case !adminChosen && taken == adminAddr:
			adminAddr, adminChosen = "127.0.0.1:0", true
		default:
			return l, err
		}
	}
}

// URL returns the URL at which this host reaches the public listener.
func (l Listeners) URL() string {
	host, port, _ := net.SplitHostPort(l.Public.Addr().String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// attach returns the listeners with their handlers, and logs the addresses.
func (l Listeners) attach(edge *server.Server, o Options) []server.Listener {
	all := []server.Listener{{Listener: l.Public, Handler: edge.Public(o.Routes...), Connections: edge.Connections()}}
	o.Log.Info("listening", "addr", l.Public.Addr().String(),
		"webhook_url", o.Config.WebhookURL, "fallback_url", o.Config.FallbackURL, "version", o.Version)
	if l.Admin != nil {
		all = append(all, server.Listener{Listener: l.Admin, Handler: edge.Admin(o.Config.Pprof)})
		o.Log.Info("listening for the operator", "addr", l.Admin.Addr().String(), "pprof", o.Config.Pprof)
	}
	return all
}
