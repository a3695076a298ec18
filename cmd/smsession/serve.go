package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"smsession/internal/config"
	"smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// serveCommand runs the service.
type serveCommand struct {
	config.Flags
}

// Run serves until the first signal.
func (c *serveCommand) Run(p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	ports, err := listen(cfg.Addr, cfg.AdminAddr)
	if err != nil {
		return err
	}
	log, end := newLogger(cfg, p.stderr)
	defer end()
	return serve(p.ctx, cfg, ports, log)
}

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

// serve puts everything together and runs it until ctx ends. It is the whole wiring of the service.
func serve(ctx context.Context, cfg config.Config, ports ports, log *slog.Logger) error {
	publicURL, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return fmt.Errorf("PUBLIC_URL cannot be parsed")
	}
	if strings.HasSuffix(cfg.PublicURL, "/sms") {
		log.Warn("PUBLIC_URL ends in /sms: only what Twilio sends to " + cfg.PublicURL + "/sms is then taken for signed")
	}
	pool := redispool.Open(poolOptions(cfg.Redis))
	defer pool.Close()
	health := server.NewHealth(cfg.RequestBudget, log)
	sessions := session.New(session.Options{
		Pool:         pool,
		Connections:  redispool.Size,
		Prefix:       cfg.RedisPrefix,
		IdleTimeout:  cfg.IdleTimeout,
		Lifetime:     cfg.Lifetime,
		Budget:       cfg.RequestBudget,
		SecureCookie: cfg.SecureCookie,
		Responder:    conversation.Counter{},
		Logger:       log,
	})
	edge := server.New(server.Options{
		Sessions:   sessions,
		Verifier:   twilio.NewVerifier(publicURL, cfg.AuthTokens),
		AccountSID: cfg.AccountSID,
		OptOut:     twilio.OptOutMode(cfg.OptOut),
		Health:     health,
		Version:    version(),
		Logger:     log,
	})
	listeners := []server.Listener{{Listener: ports.public, Handler: edge.Public()}}
	log.Info("listening", "addr", ports.public.Addr().String(), "public_url", cfg.PublicURL, "version", version())
	if ports.admin != nil {
		listeners = append(listeners, server.Listener{Listener: ports.admin, Handler: edge.Admin(cfg.Pprof)})
		log.Info("listening for the operator", "addr", ports.admin.Addr().String(), "pprof", cfg.Pprof)
	}

	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() {
		ping := func(ctx context.Context) error { return redispool.Ping(ctx, pool) }
		watched <- health.Watch(watching, ping, redispool.Refused)
	}()
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx, health, cfg.DrainDelay, log, listeners...) }()
	select {
	case err := <-watched:
		if err != nil {
			return fmt.Errorf("the Redis at %s refuses us: %w", cfg.Redis.Addr, err)
		}
		return <-served
	case err := <-served:
		stop()
		<-watched // a ping under way must not meet the closing of the pool
		return err
	}
}

func poolOptions(r config.Redis) redispool.Options {
	o := redispool.Options{Addr: r.Addr, Username: r.Username, Password: r.Password, Database: r.Database}
	if r.TLS {
		host, _, _ := net.SplitHostPort(r.Addr) // config made it of the two
		o.TLS = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	return o
}
