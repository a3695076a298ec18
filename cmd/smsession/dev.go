package main

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/devphone"
	"smsession/internal/redispool"
)

// devCommand runs the service with an embedded Redis and a throw-away auth token.
type devCommand struct {
	config.DevFlags
}

// Run serves until the first signal and then leaves nothing behind.
func (c *devCommand) Run(p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	ports, err := listenNearby(cfg, c.Addr == "" && c.Port == "", c.AdminAddr == nil)
	if err != nil {
		return err
	}
	// Redis's own port if nobody has it, so that redis-cli needs no flags.
	embedded, err := redispool.StartEmbedded("127.0.0.1:6379", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer embedded.Close()

	log := newLogger(cfg, p.stderr)
	defer log.end()
	d := describe(cfg, ports, embedded)
	cfg.PublicURL, cfg.WebhookURL, cfg.FallbackURL = d.PublicURL, d.PublicURL+smsRoute, d.PublicURL+fallbackRoute
	cfg.AuthTokens, cfg.Redis = config.AuthTokens{{Value: d.AuthToken}}, redisurl.URL{Addrs: []string{embedded.Addr()}}
	if file, err := writeDevFile(p.ctx, d); err != nil {
		log.Warn("other commands will not find this service", "error", err.Error())
	} else {
		d = *file
		defer file.remove()
	}
	guide := guide{devFile: d, redisPort: embedded.Port(), prefix: cfg.RedisPrefix}
	pool := redispool.Open(redispool.Options{URL: cfg.Redis})
	defer pool.Close()
	page, err := newPage(cfg, guide, pool.Pool)
	if err != nil {
		return err
	}
	defer page.Close()
	guide.print(p.stdout)
	secrets := newSecrets(nil, config.Flags{}, cfg.Redis, log.Logger) // there are no files to read again
	return serve(p.ctx, cfg, ports, log, secrets, page.Routes)
}

// newPage makes the page with the phones, whose messages come in by the public listener like everybody's.
func newPage(cfg config.Config, g guide, pool *redis.Pool) (*devphone.Page, error) {
	host, _, _ := net.SplitHostPort(cfg.Addr) // config made it of the two
	return devphone.New(devphone.Options{
		URL:            g.URL,
		PublicURL:      g.PublicURL,
		AuthToken:      g.AuthToken,
		AccountSID:     g.AccountSID,
		From:           guideFrom,
		To:             guideTo,
		AdvancedOptOut: cfg.OptOut == config.OptOutAdvanced,
		Pool:           pool,
		Redis:          cfg.Redis.Addrs[0],
		Prefix:         cfg.RedisPrefix,
		IdleTimeout:    cfg.IdleTimeout,
		ReadRecord:     g.readRecord,
		Hosts:          []string{host},
	})
}

// describe makes up what dev is not told.
func describe(cfg config.Config, ports ports, embedded *redispool.Embedded) devFile {
	d := devFile{
		URL:        localURL(ports.public.Addr()),
		PublicURL:  cfg.PublicURL,
		AuthToken:  randomHex(),
		AccountSID: "AC" + randomHex(),
		Redis:      "redis://" + embedded.Addr(),
		Prefix:     cfg.RedisPrefix,
	}
	if d.PublicURL == "" {
		d.PublicURL = d.URL
	}
	if len(cfg.AccountSIDs) > 0 {
		d.AccountSID = cfg.AccountSIDs[0]
	}
	return d
}

// randomHex returns 32 hexadecimal digits, as Twilio's tokens and SIDs have.
func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	return hex.EncodeToString(b[:])
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
