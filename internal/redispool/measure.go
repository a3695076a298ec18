package redispool

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// measure calls took after every round trip over the connections that the pool dials from now on.
func measure(pool *redis.Pool, took func(time.Duration)) {
	dial := pool.DialContext
	pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
		c, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return &measured{Conn: c, took: took}, nil
	}
	if test := pool.TestOnBorrow; test != nil {
		pool.TestOnBorrow = func(c redis.Conn, lastUsed time.Time) error { return test(c.(*measured).Conn, lastUsed) }
	}
}

// measured times the commands of one connection.
type measured struct {
	redis.Conn
	took    func(time.Duration)
	pending int // commands whose answers have not been received
	flushed time.Time
}

func (m *measured) Do(command string, args ...any) (any, error) {
	if command == "" { // the pool sends "" when it gets a connection back; this contacts no server
		return m.Conn.Do(command, args...)
	}
	start := time.Now()
	reply, err := m.Conn.Do(command, args...)
	m.took(time.Since(start))
	return reply, err
}

func (m *measured) Send(command string, args ...any) error {
	m.pending++
	return m.Conn.Send(command, args...)
}

func (m *measured) Flush() error {
	m.flushed = time.Now()
	return m.Conn.Flush()
}

func (m *measured) Receive() (any, error) {
	reply, err := m.Conn.Receive()
	if m.pending--; m.pending == 0 {
		m.took(time.Since(m.flushed))
	}
	return reply, err
}
