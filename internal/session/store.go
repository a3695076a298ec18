package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// store reads and writes the keys of sessions. It reads records through redisstore and does everything else itself:
// redisstore saves and deletes without a comparison, and lists with KEYS. A store is safe for concurrent use.
type store struct {
	pool  *redis.Pool
	slots slots // one for each call
	keys  record.Keys
	cache *cache

	records *redisstore.RedisStore
	ready   chan redis.Conn // the connections for records
}

// newStore returns a store that uses at most the given number of the pool's connections. A caller must hold a slot.
func newStore(pool *redis.Pool, connections int, keys record.Keys) *store {
	s := &store{pool: pool, slots: newSlots(connections), keys: keys, cache: newCache()}
	s.ready = make(chan redis.Conn, connections)
	handedOver := &redis.Pool{Dial: func() (redis.Conn, error) { return <-s.ready, nil }}
	s.records = redisstore.NewWithPrefix(handedOver, keys.Sessions())
	return s
}

// connect returns a connection. It returns an error if ctx has ended, so that no command is sent after the budget.
func (s *store) connect(ctx context.Context) (redis.Conn, error) {
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// do calls f with a connection. what describes f in an error.
func (s *store) do(ctx context.Context, what string, f func(redis.Conn) error) error {
	conn, err := s.connect(ctx)
	if err == nil {
		defer conn.Close()
		err = f(conn)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// find returns the value of a token's record, and whether it exists. The error is record.ErrForeign if the value must
// not be read.
//
// redisstore accepts no context. Therefore find gets the connection and hands it over to redisstore's pool, which keeps
// none.
func (s *store) find(ctx context.Context, token string) (value []byte, exists bool, err error) {
	conn, err := s.connect(ctx)
	if err == nil {
		s.ready <- sizedConn{conn}
		value, exists, err = s.records.Find(token)
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	s.cache.compare(token, value)
	return value, exists, nil
}

// pointer returns the token in the pointer of a conversation. It returns "" if there is no pointer, or if the pointer
// cannot be read.
func (s *store) pointer(ctx context.Context, key string) (string, error) {
	var token []byte
	err := s.do(ctx, "find conversation", func(conn redis.Conn) (err error) {
		token, err = read(conn, key)
		return err
	})
	if errors.Is(err, record.ErrForeign) {
		return "", nil
	}
	return string(token), err
}

// sweep deletes the record that a request made under its own token, unless another message was counted in that record.
// The caller must not hold a slot. sweep tries twice. If it cannot delete the record, the record expires, and no pointer leads to it.
func (s *store) sweep(ctx context.Context, token, sid string) {
	for range 2 {
		if err := s.slots.acquire(ctx, ctx); err != nil {
			return
		}
		err := s.do(ctx, "sweep", func(conn redis.Conn) error {
			key := s.keys.Session(token)
			value, r, err := readRecord(conn, key)
			if err == nil && r != nil && r.HasOnly(sid) {
				_, err = scripts.discard.Do(conn, key, value)
			}
			return err
		})
		s.slots.release()
		if err == nil {
			return
		}
	}
}
