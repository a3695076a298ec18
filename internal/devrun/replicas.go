package devrun

import (
	"context"
	"log/slog"
	"net"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/devphone"
	"smsession/internal/fleet"
	"smsession/internal/logging"
	"smsession/internal/replica"
)

// runReplicas runs the replicas of a fleet behind the public listener. The front serves the page itself.
func (o Options) runReplicas(
	ctx context.Context, cfg config.Config, l replica.Listeners, log *logging.Logger, page *devphone.Page,
) error {
	cfg.MaxConnections = max(1, cfg.MaxConnections/o.Replicas) // the process may open only so many files
	front := chi.NewRouter()
	page.Routes(front)
	front.NotFound(page.Fleet.ServeHTTP)
	front.MethodNotAllowed(page.Fleet.ServeHTTP)
	log.Info("listening", "addr", l.Addr().String(), "replicas", o.Replicas,
		"webhook_url", cfg.WebhookURL, "fallback_url", cfg.FallbackURL, "version", o.Version)
	sessions := scs.New()
	run := func(
		ctx context.Context, number int, public, admin net.Listener, redis string, isKilled func() bool,
	) error {
		own := cfg
		own.Redis = redisurl.URL{Addrs: []string{redis}}
		if cfg.AdminAddr == "" {
			_ = admin.Close()
			admin = nil
		}
		handler := log.Handler().WithAttrs([]slog.Attr{slog.Int("replica", number)})
		return replica.Run(ctx, replica.Options{
			Config: own, Version: o.Version, Listeners: replica.NewListeners(public, admin),
			Log: log.Through(muted{handler, isKilled}), ObserveCall: page.ObserveCall,
			SCS: sessions,
		})
	}
	return page.Fleet.Run(ctx, l.Public(), page.Observe(front), fleet.Options{Run: run, Redis: cfg.Redis.Addrs[0]})
}

// muted is a log handler that drops the lines of a replica that was killed.
type muted struct {
	slog.Handler
	isMuted func() bool
}

func (m muted) Enabled(ctx context.Context, level slog.Level) bool {
	return !m.isMuted() && m.Handler.Enabled(ctx, level)
}

func (m muted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return muted{m.Handler.WithAttrs(attrs), m.isMuted}
}
func (m muted) WithGroup(name string) slog.Handler {
	return muted{m.Handler.WithGroup(name), m.isMuted}
}
