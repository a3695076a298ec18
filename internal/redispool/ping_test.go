package redispool

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

// Ping runs a script that any server with scripts can answer. The service itself uses the commit script.
func Ping(ctx context.Context, pool *redis.Pool) error {
	c, err := pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("EVAL", "return 1", 0)
	return err
}
