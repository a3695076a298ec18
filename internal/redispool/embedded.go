package redispool

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Embedded is a Redis inside this process on a real TCP port, for development. It runs the same scripts as redis-server
// and forgets everything on Close.
type Embedded = miniredis.Miniredis

// StartEmbedded starts an embedded Redis on the first free address. An address with port 0 is always free. If no
// address is free, StartEmbedded returns the error of the last one. The caller must call Close.
func StartEmbedded(addrs ...string) (*Embedded, error) {
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
