package redispool

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Embedded is a Redis inside this process on a real TCP port, for development. It runs the same scripts as redis-server
// and forgets everything on Close.
type Embedded struct {
	server *miniredis.Miniredis
}

// StartEmbedded listens on the first of the addresses that is free. An address with port 0 is always free.
func StartEmbedded(addrs ...string) (*Embedded, error) {
	var err error
	for _, addr := range addrs {
		m := miniredis.NewMiniRedis()
		m.ClockTTL(true) // keys expire as time passes, as in redis-server
		if err = m.StartAddr(addr); err == nil {
			return &Embedded{server: m}, nil
		}
	}
	return nil, fmt.Errorf("start the embedded Redis: %w", err)
}

// Addr returns the address for clients such as redis-cli, as host:port.
func (e *Embedded) Addr() string { return e.server.Addr() }

// Port returns the port of Addr.
func (e *Embedded) Port() string { return e.server.Port() }

// Close stops the server and deletes all its keys.
func (e *Embedded) Close() { e.server.Close() }
