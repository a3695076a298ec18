package main

import (
	"context"
	"fmt"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/dev"
	"smsession/internal/devphone"
	"smsession/internal/hostname"
	"smsession/internal/logging"
	"smsession/internal/redispool"
	"smsession/internal/replica"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
)

// anyPort replaces the address of a default port that is taken.
const anyPort = "127.0.0.1:0"

// devCommand runs the service with an embedded Redis, a throw-away auth token and the page with the phones.
type devCommand struct {
	config.DevFlags
}

// Help is shown below the flags' summary.
func (c *devCommand) Help() string {
	return `The public listener also has a page with phones at /, to send messages to the service in a browser. dev writes its URL and the auth
token to a private file: $XDG_RUNTIME_DIR/smsession/dev.json, or a file in the directory for temporary files. phone and load read this
file if they have no --url. dev deletes it at its end.

The exit status is 1 if the service cannot start or fails, and 2 for a wrong command line or setting.`
}

// Run serves until the first signal. It deletes what it has created on the host.
func (c *devCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	public, admin := []string{cfg.Addr}, []string{cfg.AdminAddr}
	if c.Addr == "" && c.Port == "" {
		public = append(public, anyPort)
	}
	if c.AdminAddr == nil {
		admin = append(admin, anyPort)
	}
	listeners, err := replica.Listen(public, admin)
	if err != nil {
		return err
	}
	defer listeners.Close()
	embedded, err := redispool.StartEmbedded("127.0.0.1:6379", anyPort) // redis-cli needs no flags for 6379
	if err != nil {
		return err
	}
	defer embedded.Close()
	if cfg.PublicURL == (config.URL{}) {
		local, err := config.ParseURL(listeners.URL())
		if err != nil {
			return fmt.Errorf("the URL of the public listener %w", err)
		}
		cfg = cfg.WithPublicURL(local)
	}
	service := newService(cfg, listeners.URL(), embedded.Addr())
	cfg.AuthTokens, cfg.Redis = twilio.Tokens{{Value: service.AuthToken}}, redisurl.URL{Addrs: []string{embedded.Addr()}}

	log := logging.New(p.stderr, cfg.LogFormat, cfg.LogLevel)
	defer log.Close()
	file, err := service.Publish(ctx)
	if err != nil {
		log.Warn("other commands will not find this service", "error", err.Error())
	}
	defer dev.Withdraw(file)
	pool := redispool.Open(redispool.Options{URL: cfg.Redis})
	defer pool.Close()
	page, err := newPage(cfg, service, pool.Pool)
	if err != nil {
		return err
	}
	defer page.Close()
	if err := service.WriteGuide(p.stdout, file); err != nil {
		return err
	}
	return replica.Run(ctx, replica.Options{
		Config: cfg, Version: version(), Listeners: listeners, Log: log, Routes: []func(chi.Router){page.Routes},
	})
}

// newService describes the service that the settings and the addresses result in.
func newService(cfg config.Config, url, redisAddr string) dev.Service {
	s := dev.Service{
		URL:        url,
		Addr:       cfg.Addr,
		PublicURL:  cfg.PublicURL.String(),
		AuthToken:  dev.RandomHex(),
		AccountSID: "AC" + dev.RandomHex(),
		Redis:      "redis://" + redisAddr,
		Prefix:     cfg.RedisPrefix,
	}
	if len(cfg.AccountSIDs) > 0 {
		s.AccountSID = cfg.AccountSIDs[0]
	}
	return s
}

// newPage makes the page with the phones. Their messages arrive at the public listener, like those of Twilio.
func newPage(cfg config.Config, s dev.Service, pool *redis.Pool) (*devphone.Page, error) {
	return devphone.New(devphone.Options{
		Phone:          s.Phone(dev.From, dev.To),
		AdvancedOptOut: cfg.OptOut == twilio.OptOutAdvanced,
		Pool:           pool,
		Redis:          cfg.Redis.Addrs[0],
		Keys:           record.Keys{Prefix: cfg.RedisPrefix},
		IdleTimeout:    cfg.IdleTimeout,
		ReadRecord:     s.ReadRecord,
		Hosts:          []string{hostname.Of(cfg.Addr)},
	})
}
