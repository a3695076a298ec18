package main

import (
	"context"

	"smsession/internal/config"
	"smsession/internal/logging"
	"smsession/internal/replica"
)

// serveCommand runs the service.
type serveCommand struct {
	config.Flags
}

// Help is shown below the flags' summary.
func (c *serveCommand) Help() string {
	return `Every flag has an environment variable. Use it, or a file, for secrets: other users of the host can see flags.

  PUBLIC_URL=https://sms.example.com TWILIO_AUTH_TOKEN=... REDIS_URL=redis://localhost smsession serve
  smsession serve --public-url https://sms.example.com --twilio-auth-token-file /run/secrets/token --redis-url-file /run/secrets/redis

The exit status is 1 if the service cannot start or fails, and 2 for a wrong command line or setting.`
}

// Run runs the service until the first signal.
func (c *serveCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	listeners, err := replica.Listen([]string{cfg.Addr}, []string{cfg.AdminAddr})
	if err != nil {
		return err
	}
	log := logging.New(p.stderr, cfg.LogFormat, cfg.LogLevel)
	defer log.Close()
	replica.LimitMemory(log.Logger)
	return replica.Run(ctx, replica.Options{
		Config: cfg, Version: version(), Listeners: listeners, Log: log, Flags: c.Flags, Hangup: p.hangup,
	})
}
