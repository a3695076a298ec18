package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/go-chi/chi/v5"

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
	log := newLogger(cfg, p.stderr)
	defer log.end()
	limitMemory(log.Logger)
	return serve(p.ctx, cfg, ports, log, newSecrets(p.hangup, c.Flags, cfg.Redis, log.Logger))
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

// serve puts everything together and runs it until ctx ends. It is the whole wiring of the service. The public listener
// has more routes where a command adds some.
func serve(ctx context.Context, cfg config.Config, ports ports, log *logger, secrets *secrets, more ...func(chi.Router)) error {
	for _, warning := range cfg.Warnings() {
		log.Warn(warning)
	}
	options := poolOptions(cfg.Redis)
	options.Credentials, options.Outdated = secrets.credentials, secrets.outdated
	options.WaitReplicas = cfg.WaitReplicas
	options.Connections = cfg.Connections
	options.Opened = new(atomic.Int64)
	options.Shards = &redispool.Shards{}
	pool := redispool.Open(options)
	defer pool.Close()
	registry := newRegistry(log, pool, options)
	health := server.NewHealth(cfg.RequestBudget, log.Logger)
	sessions := session.New(session.Options{
		Pool:         pool,
		Connections:  cfg.Connections,
		Prefix:       cfg.RedisPrefix,
		IdleTimeout:  cfg.IdleTimeout,
		Lifetime:     cfg.Lifetime,
		Budget:       cfg.RequestBudget,
		MaxReplies:   cfg.MaxReplies,
		SecureCookie: cfg.SecureCookie,
		Responder:    conversation.Counter{},
		Logger:       log.Logger,
	})
	webhook := twilio.NewVerifier(cfg.WebhookURL, tokens(cfg.AuthTokens))
	fallback := twilio.NewVerifier(cfg.FallbackURL, tokens(cfg.AuthTokens))
	edge := server.New(server.Options{
		KeepAlive:      cfg.KeepAlive,
		MaxConnections: affordableConnections(cfg.MaxConnections, log.Logger),
		Sessions:       sessions,
		Webhook:        webhook,
		Fallback:       fallback,
		AccountSIDs:    cfg.AccountSIDs,
		OptOut:         twilio.OptOutMode(cfg.OptOut),
		Health:         health,
		Version:        version(),
		Logger:         log.Logger,
		AdminHosts:     cfg.AdminHosts,
		Registry:       registry,
	})
	defer edge.Close()
	listeners := []server.Listener{{Listener: ports.public, Handler: edge.Public(more...), Connections: edge.Connections()}}
	log.Info("listening", "addr", ports.public.Addr().String(), "webhook_url", cfg.WebhookURL, "fallback_url", cfg.FallbackURL, "version", version())
	if ports.admin != nil {
		listeners = append(listeners, server.Listener{Listener: ports.admin, Handler: edge.Admin(cfg.Pprof)})
		log.Info("listening for the operator", "addr", ports.admin.Addr().String(), "pprof", cfg.Pprof)
	}

	watching, stop := context.WithCancel(ctx)
	defer stop()
	go secrets.follow(watching, func(all config.AuthTokens) {
		webhook.SetTokens(tokens(all))
		fallback.SetTokens(tokens(all))
	})
	watched := make(chan error, 1)
	probe := session.NewProbe(pool, cfg.RedisPrefix, options.Shards.Tags)
	ping := newWarnings(registry, log, pool).after(probe.Run)
	go func() { watched <- health.Watch(watching, ping, redispool.Refused) }()
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx, health, cfg.DrainDelay, log.Logger, listeners...) }()
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

// tokens are the configured tokens, as a Verifier takes them.
func tokens(configured config.AuthTokens) []twilio.Token {
	var all []twilio.Token
	for _, token := range configured {
		all = append(all, twilio.Token(token))
	}
	return all
}

// affordableConnections returns how many connections there may be: at most half of the files that the process may have
// open, because Redis's connections need some. At its limit the service closes idle connections; out of files, it
// could not accept any.
func affordableConnections(configured int, log *slog.Logger) int {
	files, known := openFiles()
	if !known || files/2 >= uint64(configured) {
		return configured
	}
	log.Warn("MAX_CONNECTIONS needs twice as many open files: the limit is lowered, raise LimitNOFILE or ulimit -n",
		"max_connections", configured, "open_files", files, "lowered_to", files/2)
	return int(files / 2)
}
