package dev

import (
	"context"
	"strings"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
)

// Elapse lets d pass for one conversation in the Redis of the service. See inspect.Age.
func (s *Service) Elapse(ctx context.Context, to, from string, d time.Duration) error {
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{strings.TrimPrefix(s.Redis, "redis://")}}})
	defer pool.Close()
	return inspect.Age(ctx, pool.Pool, record.Keys{Prefix: s.Prefix}, to, from, d)
}
