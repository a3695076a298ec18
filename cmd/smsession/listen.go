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

// ports are the bound listeners; admin is nil where there is none.
type ports struct{ public, admin net.Listener }

// listen binds before anything is announced or built.
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

// listeners are the ports with what answers there, and announces them in the log.
func (p ports) listeners(cfg config.Config, log *logger, edge *server.Server, more ...func(chi.Router)) []server.Listener {
	all := []server.Listener{{Listener: p.public, Handler: edge.Public(more...), Connections: edge.Connections()}}
	log.Info("listening", "addr", p.public.Addr().String(), "webhook_url", cfg.WebhookURL, "fallback_url", cfg.FallbackURL, "version", version())
	if p.admin != nil {
		all = append(all, server.Listener{Listener: p.admin, Handler: edge.Admin(cfg.Pprof)})
		log.Info("listening for the operator", "addr", p.admin.Addr().String(), "pprof", cfg.Pprof)
	}
	return all
}

// listenNearby binds the configured ports. One that was not asked for and is taken gives way to a free one.
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

// localURL is where this host reaches a listener: one on all addresses is reached at the loopback address.
func localURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
