package replica

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Listeners are the bound ports of a replica. Run closes them. A caller that does not call Run must close them.
type Listeners struct {
	public net.Listener
	admin  net.Listener // nil if there is no private listener
}

// Listen binds each listener to the first of its addresses that is free. If the only address of admin is "", there is
// no private listener. The error names the setting and wraps that of net.Listen, and then nothing is bound. Call Listen
// before anything is built or logged, so that an address that is taken is the only thing that is reported.
func Listen(public, admin []string) (l Listeners, err error) {
	if l.public, err = bind(public); err != nil {
		return Listeners{}, fmt.Errorf("bind the public listener (ADDR or PORT): %w", err)
	}
	if l.admin, err = bind(admin); err != nil {
		l.Close()
		return Listeners{}, fmt.Errorf("bind the private listener (ADMIN_ADDR): %w", err)
	}
	return l, nil
}

// NewListeners returns listeners that are bound already. If admin is nil, there is no private listener.
func NewListeners(public, admin net.Listener) Listeners { return Listeners{public, admin} }

// Public returns the public listener.
func (l Listeners) Public() net.Listener { return l.public }

// Close closes the listeners that are open.
func (l Listeners) Close() {
	_ = l.public.Close()
	if l.admin != nil {
		_ = l.admin.Close()
	}
}

func bind(addrs []string) (l net.Listener, err error) {
	for _, addr := range addrs {
		if addr == "" {
			return nil, nil
		}
		if l, err = net.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return l, err
}

// URL returns the URL at which this host reaches the public listener.
func (l Listeners) URL() string {
	host, port, _ := net.SplitHostPort(l.public.Addr().String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Addr returns the address of the public listener. An IPv4 address is never written as an IPv6 address.
func (l Listeners) Addr() netip.AddrPort {
	bound := netip.MustParseAddrPort(l.public.Addr().String())
	return netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
}

// log logs the addresses of the listeners.
func (l Listeners) log(o Options) {
	o.Log.Info("listening", "addr", l.public.Addr().String(),
		"webhook_url", o.Config.WebhookURL, "fallback_url", o.Config.FallbackURL, "version", o.Version)
	if l.admin != nil {
		o.Log.Info("listening on the private listener", "addr", l.admin.Addr().String(), "pprof", o.Config.Pprof)
	}
}
