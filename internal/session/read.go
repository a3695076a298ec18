package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
	"smsession/internal/session/record"
)

// withConn calls f with a connection of a pool. It does not call f if ctx has ended, so that no command is sent after
// the budget. what describes f in an error.
func withConn(ctx context.Context, pool Pool, what string, f func(redis.Conn) error) error {
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

// withSlot is like withConn, and takes a slot while f uses its connection. hangUp ends the wait for the slot.
func (m *Manager) withSlot(
	ctx context.Context, hangUp <-chan struct{}, what string, f func(redis.Conn) error,
) error {
	if err := m.slots.acquire(ctx, hangUp); err != nil {
		return err
	}
	defer m.slots.release()
	return withConn(ctx, m.options.Pool, what, f)
}

// readSession returns the value of a token's record, or nil if there is none. known is a record that Redis does not
// send again if it is still the value; nil if there is none. The error is record.ErrForeign if the value must not be
// read.
func (m *Manager) readSession(
	ctx context.Context, hangUp <-chan struct{}, token string, known *record.Record,
) (value []byte, err error) {
	err = m.withSlot(ctx, hangUp, "find session", func(conn redis.Conn) (err error) {
		// redisstore accepts no context. Therefore it gets a pool of this connection alone.
		pool := &redis.Pool{Dial: func() (redis.Conn, error) { return sizedConn{conn, known}, nil }}
		value, _, err = redisstore.NewWithPrefix(pool, m.keys.Sessions()).Find(token)
		return err
	})
	return value, err
}

// prefetched is a value that was read before find needs it. Only the next attempt may use it.
type prefetched struct {
	of    string // the token of a record, or the key of a pointer; "" if nothing was read
	value []byte // nil if there was no value
}

// readPointer returns the token in the pointer of a conversation, unless past.early contains it. It returns "" if there
// is no pointer, or if the pointer cannot be read.
func (m *Manager) readPointer(ctx context.Context, past *history, key string) (string, error) {
	if past.early.of == key {
		return string(past.early.value), nil
	}
	var token []byte
	err := m.withSlot(ctx, past.hangUp, "find conversation", func(conn redis.Conn) (err error) {
		token, err = read(conn, key)
		return err
	})
	if errors.Is(err, record.ErrForeign) {
		return "", nil
	}
	return string(token), err
}

var (
	errTooLarge  = fmt.Errorf("%w: it is larger than 256 KiB", record.ErrForeign)
	errNotString = fmt.Errorf("%w: it is not a string", record.ErrForeign)
)

// read returns the value of a key. It returns nil if there is no such key. Its errors are errTooLarge, errNotString,
// and the errors of Redis.
func read(conn redis.Conn, key string) ([]byte, error) {
	value, err := redis.Bytes(sizedConn{conn, nil}.Do("GET", key))
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	return value, err
}

// readRecord returns the value of a key, and the record that it contains. It returns nil twice if there is no such key.
// If the value is not a record, it returns the value and record.ErrForeign.
func readRecord(conn redis.Conn, key string) (value []byte, r *record.Record, err error) {
	if value, err = read(conn, key); value != nil {
		r, err = record.Parse(value)
	}
	return value, r, err
}

// sizedConn is a connection whose GET returns errTooLarge or errNotString for a value that must not be read. If the
// value is still the known record, GET returns its bytes, and Redis does not send them.
type sizedConn struct {
	redis.Conn
	known *record.Record
}

func (c sizedConn) Do(command string, args ...any) (any, error) {
	if command != "GET" {
		return c.Conn.Do(command, args...)
	}
	r := find(args[0], c.known).run(c.Conn)
	value, isRead := r.text(c.known)
	switch {
	case node.Code(r.err) == "WRONGTYPE":
		return nil, errNotString
	case r.err != nil, isRead && value == nil:
		return nil, r.err
	case !isRead:
		return nil, errTooLarge
	}
	return value, nil
}
