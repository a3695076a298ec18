package replica

import (
	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/app"
	"smsession/internal/config"
)

// newApp returns the team's own app, or nil if APP_URL is not set.
func newApp(o Options, registry prometheus.Registerer) *app.App {
	cfg := o.Config.App
	if !cfg.IsSet() {
		return nil
	}
	o.Log.Info("the app answers the messages", "app_url", cfg, "app_protocol", string(cfg.Protocol))
	options := app.Options{
		URL:           cfg.URL,
		PublicURL:     cfg.PublicURL,
		Timeout:       cfg.Timeout,
		Concurrency:   cfg.Concurrency,
		ImportCookies: cfg.ImportCookies,
		Registry:      registry,
		Observe:       o.ObserveCall,
	}
	if cfg.Protocol == config.AppJSON {
		return app.NewJSON(options, cfg.Secrets)
	}
	return app.NewTwilio(options)
}
