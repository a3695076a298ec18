package main

import (
	"context"
	"fmt"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/devphone"
	"smsession/internal/devservice"
	"smsession/internal/hostname"
	"smsession/internal/logging"
	"smsession/internal/redispool"
	"smsession/internal/replica"
	"smsession/internal/session/record"
)

// anyPort is the address to listen on if a default port is taken. The system chooses a free port for it.
const anyPort = "127.0.0.1:0"

// devCommand runs the service with an embedded Redis, a throw-away auth token and the page with the phones.
type devCommand struct {
	config.DevFlags
}

// Help is shown below the flags' summary.
func (c *devCommand) Help() string {
	return `The public listener also has a page with phones at /, to send messages to the service in a browser. With
--app-url (or --app for short), the page shows each call of your own app: what was sent, what came back, and what
changed.

dev writes its URL and the auth token to a private file: $XDG_RUNTIME_DIR/smsession/dev.json, or a file in the directory
for temporary files. phone and load read this file if they have no --url, and ls, show, watch and end if they have no
--redis-url. dev deletes the file when it ends.

  smsession dev
  smsession dev --app-url http://localhost:3000/sms
  smsession dev --port 3000 --session-idle-timeout 1m
  smsession dev --public-url https://tunnel.example.com

The exit status is 1 if the service cannot start or fails, and 2 for a wrong command line or setting.`
}

// Run runs the service until the first signal. It then deletes the file that it has written for the other commands.
func (c *devCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	listeners, err := c.listen(cfg)
	if err != nil {
		return err
	}
	defer listeners.Close()
	embedded, err := redispool.StartEmbedded("127.0.0.1:"+devservice.RedisPort, anyPort)
	if err != nil {
		return err
	}
	defer embedded.Close()
	cfg = devservice.Standalone(cfg, listeners.URL(), embedded.Addr())
	log := logging.New(p.stderr, cfg.LogFormat, cfg.LogLevel)
	defer log.Close()
	service := devservice.New(cfg, listeners.URL())
	file, err := service.Publish(ctx)
	if err != nil {
		log.Warn("other commands will not find this service", "error", err.Error())
	}
	defer devservice.Withdraw(file)
	pool := redispool.Open(redispool.Options{URL: cfg.Redis})
	defer pool.Close()
	page, err := newPage(cfg, service, pool.Pool)
	if err != nil {
		return err
	}
	defer page.Close()
	if err := service.WriteGuide(p.stdout, file, devservice.Program()); err != nil {
		// Without %w, because no service runs: a closed pipe is an error here.
		return fmt.Errorf("write the guide: %v", err)
	}
	go page.CheckApp(ctx, log.Logger)
	return replica.Run(ctx, replica.Options{
		Config: cfg, Version: version(), Listeners: listeners, Log: log, Routes: []func(chi.Router){page.Routes},
		Wrap: page.Observe, ObserveCall: page.ObserveCall,
	})
}

// listen opens the listeners. If a default port is taken, it uses another one.
func (c *devCommand) listen(cfg config.Config) (replica.Listeners, error) {
	public, admin := []string{cfg.Addr}, []string{cfg.AdminAddr}
	if c.Addr == "" && c.Port == "" {
		public = append(public, anyPort)
	}
	if c.AdminAddr == nil {
		admin = append(admin, anyPort)
	}
	return replica.Listen(public, admin)
}

// newPage makes the page with the phones. They send their messages to the public listener, as Twilio does.
func newPage(cfg config.Config, s devservice.Service, pool *redis.Pool) (*devphone.Page, error) {
	return devphone.New(devphone.Options{
		Phone:       s.Phone(devservice.From, devservice.To),
		OptOut:      cfg.OptOut,
		App:         cfg.App.URL,
		Pool:        pool,
		Redis:       cfg.Redis.Addrs[0],
		Keys:        record.Keys{Prefix: cfg.RedisPrefix},
		IdleTimeout: cfg.IdleTimeout,
		ReadRecord:  s.ReadRecord,
		Hosts:       []string{hostname.Of(cfg.Addr)},
	})
}
