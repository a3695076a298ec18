package redispool

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

// Ping asks for an answer that any server gives which runs scripts. The service itself asks for what a message does.
func Ping(ctx context.Context, pool *redis.Pool) error {
	c, err := pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("EVAL", "return 1", 0)
	return err
}
