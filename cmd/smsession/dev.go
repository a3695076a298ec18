package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"syscall"

	"smsession/internal/config"
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

	local := localURL(ports.public.Addr())
	if cfg.PublicURL == "" {
		cfg.PublicURL = local
	}
	cfg.Redis = config.Redis{Addr: embedded.Addr()}
	cfg.AuthTokens = []string{randomHex()}
	account := cfg.AccountSID
	if account == "" {
		account = "AC" + randomHex()
	}
	file, err := writeDevFile(devFile{URL: local, PublicURL: cfg.PublicURL, AuthToken: cfg.AuthTokens[0], AccountSID: account, Redis: "redis://" + embedded.Addr()})
	if err != nil {
		return err
	}
	defer file.remove()

	guide{url: local, publicURL: cfg.PublicURL, token: cfg.AuthTokens[0], account: account, redisPort: embedded.Port(), prefix: cfg.RedisPrefix}.print(p.stdout)
	log, flush := newLogger(cfg, p.stderr)
	defer flush()
	return serve(p.ctx, cfg, ports, log)
}

// listenNearby binds the configured ports. One that was not asked for and is taken gives way to a free one.
func listenNearby(cfg config.Config, anyPublic, anyAdmin bool) (ports, error) {
	for {
		p, err := listen(cfg.Addr, cfg.AdminAddr)
		var failed *net.OpError
		if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &failed) {
			return p, err
		}
		switch taken := failed.Addr.String(); {
		case anyPublic && taken == cfg.Addr:
			cfg.Addr, anyPublic = "127.0.0.1:0", false
		case anyAdmin && taken == cfg.AdminAddr:
			cfg.AdminAddr, anyAdmin = "127.0.0.1:0", false
		default:
			return p, err
		}
	}
}

// localURL is where this host reaches a listener: one on all addresses is reached at the loopback address.
func localURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String()) // a bound address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// randomHex returns 32 hexadecimal digits, as Twilio's tokens and SIDs have.
func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	return hex.EncodeToString(b[:])
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
