// Package devrun runs `smsession dev`: the service with an embedded Redis, a throw-away auth token, and the page with
// the phones. Run contains all of the wiring that dev adds to that of package replica.
package devrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/devdata"
	"smsession/internal/devphone"
	"smsession/internal/devservice"
	"smsession/internal/fleet"
	"smsession/internal/logging"
	"smsession/internal/outage"
	"smsession/internal/redispool"
	"smsession/internal/replica"
	"smsession/internal/session/record"
)

// anyPort is the address to listen on if a default port is taken. The system chooses a free port for it.
const anyPort = "127.0.0.1:0"

// Options are the settings of dev, and what it writes to.
type Options struct {
	Config  config.Config
	Version string

	// Replicas is how many replicas run. With more than one, the page can kill them and disturb their Redis.
	Replicas int

	// AnyPort and AnyAdminPort permit another port for the public and for the private listener if theirs is taken.
	AnyPort, AnyAdminPort bool

	Data string // the absolute path of the file that keeps the data over a restart; "" keeps nothing

	Stdout, Stderr io.Writer // for the guide and for the log
}

// Run runs the service until ctx ends. It then deletes the file that it has written for the other commands. It returns
// an error if the service cannot start or fails, or if the data cannot be written at the end.
func Run(ctx context.Context, o Options) (err error) {
	cfg := o.Config
	data, err := openData(o.Data)
	if err != nil {
		return err
	}
	defer data.close()
	listeners, err := o.listen()
	if err != nil {
		return err
	}
	defer listeners.Close()
	embedded, err := redispool.StartEmbedded("127.0.0.1:"+devservice.RedisPort, anyPort)
	if err != nil {
		return err
	}
	defer embedded.Close()
	cfg = devservice.Standalone(cfg, listeners.URL(), embedded.Addr(), data.saved.AuthToken)
	log := logging.New(o.Stderr, cfg.LogFormat, cfg.LogLevel)
	defer log.Close()
	service := devservice.New(cfg, listeners.URL(), data.saved.AccountSID)
	service.Reach = devservice.ReachOf(listeners.Addr(), data.saved.PageToken)
	service.Data, service.Replicas = o.Data, o.Replicas
	file, err := service.Publish(ctx)
	if err != nil {
		log.Warn("other commands will not find this service", "error", err.Error())
	}
	defer devservice.Withdraw(file)
	pool := redispool.Open(redispool.Options{URL: cfg.Redis})
	defer pool.Close()
	if err := devdata.Restore(ctx, pool.Pool, data.saved.Keys, time.Now()); err != nil {
		return err
	}
	outages := outage.New(embedded, time.After)
	options := pageOptions(cfg, service, pool.Pool, data.saved.Page)
	if o.Replicas > 1 {
		options.Fleet, options.Outages = fleet.New(o.Replicas), outages
	}
	page, err := devphone.New(options)
	if err != nil {
		return err
	}
	defer page.Close()
	stop, err := data.keep(data.snapshot(service, page, pool.Pool), log.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }() // the data is complete, and Redis still runs
	defer outages.Close()                             // otherwise the last data could not be read from Redis
	if err := service.WriteGuide(o.Stdout, file, devservice.Program()); err != nil {
		// Without %w, because no service runs: a closed pipe is an error here.
		return fmt.Errorf("write the guide: %v", err)
	}
	go page.CheckApp(ctx, log.Logger)
	if o.Replicas > 1 {
		return o.runReplicas(ctx, cfg, listeners, log, page)
	}
	return replica.Run(ctx, replica.Options{
		Config: cfg, Version: o.Version, Listeners: listeners, Log: log, Routes: []func(chi.Router){page.Routes},
		Wrap: page.Observe, ObserveCall: page.ObserveCall,
	})
}

// listen opens the listeners. If there are several replicas, each of them has a private listener of its own.
func (o Options) listen() (replica.Listeners, error) {
	public, admin := []string{o.Config.Addr}, []string{o.Config.AdminAddr}
	if o.AnyPort {
		public = append(public, anyPort)
	}
	switch {
	case o.Replicas > 1:
		admin = []string{""}
	case o.AnyAdminPort:
		admin = append(admin, anyPort)
	}
	return replica.Listen(public, admin)
}

// pageOptions returns the options of the page with the phones, except for those of several replicas. The phones send
// their messages to the public listener, as Twilio does.
func pageOptions(cfg config.Config, s devservice.Service, pool *redis.Pool, saved []byte) devphone.Options {
	return devphone.Options{
		Phone:       s.Phone(devservice.From, devservice.To),
		OptOut:      cfg.OptOut,
		App:         cfg.App.URL,
		Pool:        pool,
		Redis:       cfg.Redis.Addrs[0],
		Keys:        record.Keys{Prefix: cfg.RedisPrefix},
		IdleTimeout: cfg.IdleTimeout,
		ReadRecord:  s.ReadRecord,
		Token:       s.Reach.Token,
		Saved:       saved,
	}
}
