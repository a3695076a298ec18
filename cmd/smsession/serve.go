package main

import (
	"context"
	"fmt"
	"strings"
	"time"

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

// serve builds the service and runs it until ctx ends. All wiring of the service is in this function. more adds routes
// to the public listener.
func serve(ctx context.Context, cfg config.Config, ports ports, log *logger, secrets *secrets, more ...func(chi.Router)) error {
	for _, warning := range cfg.Warnings() {
		log.Warn(warning)
	}
	options := servicePool(cfg, secrets)
	trips := newRoundTrips()
	options.Observe = func(took time.Duration) { trips.Observe(took.Seconds()) }
	pool := redispool.Open(options)
	defer pool.Close()
	registry := newRegistry(log, pool, trips, options.Connections)
	health := server.NewHealth(cfg.RequestBudget, log.Logger)
	probe := session.NewProbe(pool.Pool, cfg.RedisPrefix, pool.HashTags)
	ping := newWarnings(registry, log, pool).after(probe.Run)
	sessions := session.New(session.Options{
		Pool:         pool.Pool,
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
	go secrets.follow(ctx, webhook.SetTokens, fallback.SetTokens)
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
	listeners := ports.listeners(cfg, log, edge, more...)
	watch := func(ctx context.Context) error { return health.Watch(ctx, ping, redispool.Refused) }
	run := func() error { return server.Run(ctx, health, cfg.DrainDelay, log.Logger, listeners...) }
	return watched(ctx, strings.Join(cfg.Redis.Addrs, ","), watch, run)
}

// watched runs the service and, at the same time, the watch on the Redis at addr. The watch ends when the service ends.
// If Redis refuses us at the first contact, watched returns the error at once. The service then still runs, so the
// caller must end the process.
func watched(ctx context.Context, addr string, watch func(context.Context) error, run func() error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	refused, ended := make(chan error, 1), make(chan error, 1)
	go func() { refused <- watch(watching) }()
	go func() { ended <- run() }()
	select {
	case err := <-refused:
		if err != nil {
			return fmt.Errorf("the Redis at %s refuses us: %w", addr, err)
		}
		return <-ended
	case err := <-ended:
		stop()
		<-refused // the pool must not be closed during a ping
		return err
	}
}
