// Package replica runs one replica of the service. Run contains all of its wiring.
package replica

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/logging"
	"smsession/internal/redispool"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// Options are the settings and the resources of a replica.
type Options struct {
	Config    config.Config
	Version   string
	Listeners Listeners // Run closes them
	Log       *logging.Logger

	Flags  config.Flags       // the settings as given, from which the secrets are read again while the replica runs
	Hangup <-chan os.Signal   // gets a value when all secrets should be read again; may be nil
	Routes []func(chi.Router) // add routes to the public listener

	Wrap func(http.Handler) http.Handler // returns a handler that calls that of the public listener; may be nil

	ObserveCall func(app.Call) // gets each finished call of the app; it must not block; may be nil

	// SCS is a result of scs.New that the replicas of one process share: each call of scs.New starts a goroutine that
	// never ends. It may be nil.
	SCS *scs.SessionManager
}

// Run builds a replica and serves until ctx ends and the replica has drained. It then returns nil. It returns an error
// if a listener fails, if Redis refuses the replica at the first contact, or if a request or another part of the
// replica does not end in time; see server.Run.
func Run(ctx context.Context, o Options) error {
	cfg, log := o.Config, o.Log
	for _, warning := range settingsWarnings(cfg) {
		log.Warn(warning)
	}
	maxConnections, _ := affordableConnections(cfg.MaxConnections)

	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends secrets.follow if a listener fails
	secrets := newSecrets(o.Flags, cfg.Redis, log.Logger)
	registry := newRegistry(o.Version, log)

	pool := redispool.Open(redispool.Options{
		URL:          cfg.Redis,
		Current:      secrets.url,
		Outdated:     secrets.outdated,
		WaitReplicas: cfg.WaitReplicas,
		Connections:  cfg.Connections,
		Observe:      observeRoundTrips(registry),
	})
	defer pool.Close() // after everything that uses it
	countConnections(registry, pool, cfg.Connections)

	var responder conversation.Responder = conversation.Counter{}
	var callTimeout time.Duration
	ownApp := newApp(o, registry)
	if ownApp != nil {
		defer ownApp.Close()
		responder, callTimeout = ownApp, cfg.App.Timeout
	}
	if o.SCS == nil {
		o.SCS = scs.New()
	}
	sessions := session.New(session.Options{
		SCS:          o.SCS,
		Pool:         pool,
		Connections:  cfg.Connections,
		Prefix:       cfg.RedisPrefix,
		IdleTimeout:  cfg.IdleTimeout,
		Lifetime:     cfg.Lifetime,
		Budget:       cfg.RequestBudget,
		MaxReplies:   cfg.MaxReplies,
		SecureCookie: cfg.WebhookURL.IsHTTPS(),
		IsCluster:    cfg.Redis.Topology == redisurl.Cluster,
		Responder:    responder,
		CallTimeout:  callTimeout,
		Logger:       log.Logger,
	})
	webhook := twilio.NewVerifier(cfg.WebhookURL, cfg.AuthTokens)
	fallback := twilio.NewVerifier(cfg.FallbackURL, cfg.AuthTokens)
	go secrets.follow(ctx, o.Hangup, ownApp, webhook.SetTokens, fallback.SetTokens)

	health := server.NewHealth(cfg.RequestBudget, log.Logger)
	edge := server.New(server.Options{
		Sessions:       sessions,
		Webhook:        webhook,
		Fallback:       fallback,
		AccountSIDs:    cfg.AccountSIDs,
		OptOut:         cfg.OptOut,
		HasApp:         ownApp != nil,
		Health:         health,
		AdminHosts:     cfg.AdminHosts,
		KeepAlive:      cfg.KeepAlive,
		MaxConnections: maxConnections,
		Registry:       registry,
		Version:        o.Version,
		Logger:         log.Logger,
	})

	probe := session.NewProbe(pool.Pool, cfg.RedisPrefix, pool.HashTags)
	ping := newWarnings(registry, log.Logger, pool).after(probe.Run)
	o.Listeners.log(o)
	return edge.Run(ctx, server.RunOptions{
		Public:     o.Listeners.public,
		Admin:      o.Listeners.admin,
		Routes:     o.Routes,
		Wrap:       o.Wrap,
		Profiler:   cfg.Pprof,
		DrainDelay: cfg.DrainDelay,
		Redis:      strings.Join(cfg.Redis.Addrs, ","),
		Ping:       ping,
		Refused:    redispool.Refused,
	})
}
