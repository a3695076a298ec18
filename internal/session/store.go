package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// store reads and deletes the keys of sessions. It reads records through redisstore, and nothing else: redisstore saves
// and deletes without a comparison, and lists with KEYS. A store is safe for concurrent use.
type store struct {
	pool  *redis.Pool
	slots slots // one for each connection that is in use; its user must acquire it
	keys  record.Keys
	cache *cache
}

// newStore returns a store that uses at most the given number of the pool's connections.
func newStore(pool *redis.Pool, connections int, keys record.Keys) *store {
	return &store{pool: pool, slots: newSlots(connections), keys: keys, cache: newCache()}
}

// withConn calls f with a connection of a pool. It does not call f if ctx has ended, so that no command is sent after
// the budget. what describes f in an error.
func withConn(ctx context.Context, pool *redis.Pool, what string, f func(redis.Conn) error) error {
	conn, err := pool.GetContext(ctx)
	if err == nil {
		defer conn.Close()
		err = ctx.Err()
	}
	if err == nil {
		err = f(conn)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// find returns the value of a token's record, or nil if there is none. The error is record.ErrForeign if the value must
// not be read.
func (s *store) find(ctx context.Context, token string) (value []byte, err error) {
	err = withConn(ctx, s.pool, "find session", func(conn redis.Conn) (err error) {
		// redisstore accepts no context. Therefore it gets a pool of this connection alone.
		pool := &redis.Pool{Dial: func() (redis.Conn, error) { return sizedConn{conn}, nil }}
		value, _, err = redisstore.NewWithPrefix(pool, s.keys.Sessions()).Find(token)
		return err
	})
	if err == nil {
		s.cache.compare(token, value)
	}
	return value, err
}

// pointer returns the token in the pointer of a conversation. It returns "" if there is no pointer, or if the pointer
// cannot be read.
func (s *store) pointer(ctx context.Context, key string) (string, error) {
	var token []byte
	err := withConn(ctx, s.pool, "find conversation", func(conn redis.Conn) (err error) {
		token, err = read(conn, key)
		return err
	})
	if errors.Is(err, record.ErrForeign) {
		return "", nil
	}
	return string(token), err
}

// sweep deletes the record that a request made under its own token, unless another message was counted in that record.
// The caller must not have a slot. sweep tries twice. If it cannot delete the record, the record expires, and no pointer
// leads to it.
func (s *store) sweep(ctx context.Context, token, sid string) {
	for range 2 {
		if err := s.slots.acquire(ctx, nil); err != nil {
			return
		}
		err := withConn(ctx, s.pool, "sweep", func(conn redis.Conn) error {
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
