package dev

import (
	"context"
	"fmt"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
)

// Elapse lets d pass for one conversation in the Redis of the service. See inspect.Age.
func (s *Service) Elapse(ctx context.Context, to, from string, d time.Duration) error {
	url, err := redisurl.Parse(s.Redis, nil)
	if err != nil {
		return fmt.Errorf("the Redis URL of smsession dev %w", err)
	}
	pool := redispool.Open(redispool.Options{URL: url})
	defer pool.Close()
	return inspect.Age(ctx, pool.Pool, record.Keys{Prefix: s.Prefix}, to, from, d)
}
