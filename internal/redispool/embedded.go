package redispool

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// StartEmbedded starts a Redis inside this process, for development. It runs the same scripts as redis-server. It
// listens on the first of the TCP addresses that is free. An address with port 0 is always free. If no address is
// free, StartEmbedded returns the error of the last one. The caller must call Close, which deletes all keys.
func StartEmbedded(addrs ...string) (*miniredis.Miniredis, error) {
	var err error
	for _, addr := range addrs {
		m := miniredis.NewMiniRedis()
		m.ClockTTL(true) // keys expire as time passes, as in redis-server
		if err = m.StartAddr(addr); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("start the embedded Redis: %w", err)
}
