// Package devservice describes a running `smsession dev`. A file describes it to the other commands of the same user,
// and a guide describes it to a newcomer.
package devservice

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// RedisPort is the port of the embedded Redis, unless another program uses it. It is the default port of redis-cli.
const RedisPort = "6379"

// Service is a running `smsession dev`. It is a value that does not change.
type Service struct {
	PID        int    `json:"pid"`
	URL        string `json:"url"` // of the public listener, on this host
	App        string `json:"-"`   // the URL of the team's own app, without its secrets; "" if there is none
	PublicURL  string `json:"public_url"`
	AuthToken  string `json:"auth_token"`
	AccountSID string `json:"account_sid"`
	Redis      string `json:"redis_url"`
	Prefix     string `json:"redis_prefix"`

	Reach    Reach             `json:"-"`       // the guide needs it
	Data     string            `json:"-"`       // the path of the file that keeps the data; "" if it is lost
	Replicas int               `json:"-"`       // how many replicas there are; the guide needs it
	OptOut   twilio.OptOutMode `json:"opt_out"` // the service's OPT_OUT, which is that of the account at Twilio
}

// Standalone returns the settings of dev with its own Redis and an auth token. If authToken is "", it makes a random
// one. If PUBLIC_URL is not set, url replaces it, which is the URL of the public listener on this host.
func Standalone(cfg config.Config, url, redisAddr, authToken string) config.Config {
	cfg.AuthTokens = twilio.Tokens{{Value: cmp.Or(authToken, phone.RandomHex())}}
	cfg.Redis = redisurl.URL{Addrs: []string{redisAddr}}
	if cfg.PublicURL == (weburl.URL{}) {
		cfg = cfg.WithPublicURL(weburl.Split(url))
	}
	return cfg
}

// New returns the service that runs with cfg, which must have an auth token and the address of a Redis. If cfg has no
// account SID, it is accountSID, or a random one if that is "". url is the URL of the public listener on this host.
func New(cfg config.Config, url, accountSID string) Service {
	s := Service{
		URL:        url,
		App:        cfg.App.String(),
		PublicURL:  cfg.PublicURL.String(),
		AuthToken:  cfg.AuthTokens[0].Value,
		AccountSID: cmp.Or(accountSID, "AC"+phone.RandomHex()),
		Redis:      "redis://" + cfg.Redis.Addrs[0],
		Prefix:     cfg.RedisPrefix,
		OptOut:     cfg.OptOut,
	}
	if len(cfg.AccountSIDs) > 0 {
		s.AccountSID = cfg.AccountSIDs[0]
	}
	return s
}

// Phone returns the options of a phone that sends messages to the service.
func (s Service) Phone(from, to string) phone.Options {
	return phone.Options{
		From:       from,
		To:         to,
		AuthToken:  s.AuthToken,
		AccountSID: s.AccountSID,
		OptOut:     s.OptOut,
		Webhook:    phone.Endpoint{URL: s.PublicURL + weburl.WebhookPath, Address: s.URL + weburl.WebhookPath},
		Fallback:   phone.Endpoint{URL: s.PublicURL + weburl.FallbackPath, Address: s.URL + weburl.FallbackPath},
	}
}

// Elapse changes the keys of one conversation in the service's Redis as if the duration d had passed. It returns the
// errors of inspect.Age, and an error if s.Redis is not a valid URL of a Redis.
func (s Service) Elapse(ctx context.Context, to, from string, d time.Duration) error {
	url, err := redisurl.Parse(s.Redis, os.ReadFile)
	if err != nil {
		return fmt.Errorf("parse the Redis URL of smsession dev: %w", err)
	}
	pool := redispool.Open(redispool.Options{URL: url})
	defer pool.Close()
	return inspect.Age(ctx, pool.Pool, record.Keys{Prefix: s.Prefix}, to, from, d)
}
