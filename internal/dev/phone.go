package dev

import (
	"context"
	"fmt"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
	"smsession/internal/weburl"
)

// Phone returns the options of a phone that sends messages to the service.
func (s Service) Phone(from, to string) phone.Options {
	return phone.Options{
		From:       from,
		To:         to,
		AuthToken:  s.AuthToken,
		AccountSID: s.AccountSID,
		Webhook:    phone.Endpoint{URL: s.PublicURL + weburl.WebhookPath, Address: s.URL + weburl.WebhookPath},
		Fallback:   phone.Endpoint{URL: s.PublicURL + weburl.FallbackPath, Address: s.URL + weburl.FallbackPath},
	}
}

// Elapse changes the Redis of the service as if the duration d passed for one conversation. See inspect.Age.
func (s Service) Elapse(ctx context.Context, to, from string, d time.Duration) error {
	url, err := redisurl.Parse(s.Redis, nil)
	if err != nil {
		return fmt.Errorf("parse the Redis URL of smsession dev: %w", err)
	}
	pool := redispool.Open(redispool.Options{URL: url})
	defer pool.Close()
	return inspect.Age(ctx, pool.Pool, record.Keys{Prefix: s.Prefix}, to, from, d)
}
