package replica

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Address is where a listener is bound.
type Address struct {
	Addr   string
	Nearby bool // if Addr is taken, bind a free port of the loopback address instead
}

func (a Address) bind() (net.Listener, error) {
	l, err := net.Listen("tcp", a.Addr)
	if a.Nearby && errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, err
}

// Listeners are the bound ports of a replica.
type Listeners struct {
	public net.Listener
	admin  net.Listener // nil if there is no private listener
}

// Listen binds the ports of a replica. It is called before anything is built or logged, so that a port that is taken is the
// only thing that is reported. If the address of admin is "", there is no private listener.
func Listen(public, admin Address) (Listeners, error) {
	var l Listeners
	var err error
	if l.public, err = public.bind(); err != nil {
		return Listeners{}, fmt.Errorf("bind the public listener: %w", err)
	}
	if admin.Addr == "" {
		return l, nil
	}
	if l.admin, err = admin.bind(); err != nil {
		l.public.Close()
		return Listeners{}, fmt.Errorf("bind the private listener: %w", err)
	}
	return l, nil
}

// URL returns the URL at which this host reaches the public listener.
func (l Listeners) URL() string {
	host, port, _ := net.SplitHostPort(l.public.Addr().String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// log logs the addresses of the listeners.
func (l Listeners) log(o Options) {
	o.Log.Info("listening", "addr", l.public.Addr().String(),
		"webhook_url", o.Config.WebhookURL, "fallback_url", o.Config.FallbackURL, "version", o.Version)
	if l.admin != nil {
		o.Log.Info("listening for the operator", "addr", l.admin.Addr().String(), "pprof", o.Config.Pprof)
	}
}
