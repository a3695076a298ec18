package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/go-chi/chi/v5"

	"smsession/internal/config"
	"smsession/internal/server"
)

// ports are the bound listeners. admin is nil if there is no private listener.
type ports struct{ public, admin net.Listener }

// listen binds the ports. It is called before anything else is built or logged. If adminAddr is "", there is no private
// listener.
func listen(addr, adminAddr string) (ports, error) {
	public, err := net.Listen("tcp", addr)
	if err != nil {
		return ports{}, fmt.Errorf("bind the public listener: %w", err)
	}
	if adminAddr == "" {
		return ports{public: public}, nil
	}
	admin, err := net.Listen("tcp", adminAddr)
	if err != nil {
		public.Close()
		return ports{}, fmt.Errorf("bind the private listener: %w", err)
	}
	return ports{public: public, admin: admin}, nil
}

// listeners returns the ports with their handlers, and logs the addresses.
func (p ports) listeners(cfg config.Config, log *logger, edge *server.Server, more ...func(chi.Router)) []server.Listener {
	all := []server.Listener{{Listener: p.public, Handler: edge.Public(more...), Connections: edge.Connections()}}
	log.Info("listening", "addr", p.public.Addr().String(), "webhook_url", cfg.WebhookURL, "fallback_url", cfg.FallbackURL, "version", version())
	if p.admin != nil {
		all = append(all, server.Listener{Listener: p.admin, Handler: edge.Admin(cfg.Pprof)})
		log.Info("listening for the operator", "addr", p.admin.Addr().String(), "pprof", cfg.Pprof)
	}
	return all
}

// listenNearby binds the configured ports. If a port is taken and the user did not ask for it, it binds a free port
// instead.
func listenNearby(cfg config.Config, anyPublic, anyAdmin bool) (ports, error) {
	for {
		p, err := listen(cfg.Addr, cfg.AdminAddr)
		var failed *net.OpError
		if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &failed) {
			return p, err
		}
		switch taken := failed.Addr.String(); {
		case anyPublic && taken == cfg.Addr:
			cfg.Addr, anyPublic = "127.0.0.1:0", false
		case anyAdmin && taken == cfg.AdminAddr:
			cfg.AdminAddr, anyAdmin = "127.0.0.1:0", false
		default:
			return p, err
		}
	}
}

// localURL returns the URL at which this host reaches a listener. For a listener on all addresses, it uses the loopback
// address.
func localURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
