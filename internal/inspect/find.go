package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session"
)

// Record is a session as it stands in Redis.
type Record struct {
	Token string        // what the cookie carries: as good as the session itself, so not for a log
	JSON  []byte        // as it was read: it may be ended, of another version, or not JSON at all
	TTL   time.Duration // until it is gone; 0 for never, which the service writes nowhere
}

// Find returns the session of the conversation between two addresses, as they stand in a message. It goes by the pointer
// and renews nothing. What is missing, has expired or is no string is not found. An error means that Redis did not answer.
func Find(ctx context.Context, pool *redis.Pool, keys session.Keys, to, from string) (Record, bool, error) {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return Record{}, false, fmt.Errorf("find conversation: %w", err)
	}
	defer conn.Close()
	token, found, err := text(conn.Do("GET", keys.Conversation(to, from)))
	if err != nil || !found {
		return Record{}, false, wrap("find conversation", err)
	}
	if err := ctx.Err(); err != nil {
		return Record{}, false, fmt.Errorf("find session: %w", err)
	}
	record, found, err := text(conn.Do("GET", keys.Session(string(token))))
	if err != nil || !found {
		return Record{}, false, wrap("find session", err)
	}
	left, err := redis.Int64(conn.Do("PTTL", keys.Session(string(token))))
	if err != nil {
		return Record{}, false, fmt.Errorf("find session: %w", err)
	}
	// See https://redis.io/docs/latest/commands/pttl/: -1 for a key that stays, -2 for one that has gone meanwhile.
	const gone = -2
	ttl := time.Duration(max(left, 0)) * time.Millisecond
	return Record{Token: string(token), JSON: record, TTL: ttl}, left != gone, nil
}

// text is the value of a key that holds a string, and whether there is one.
func text(reply any, err error) ([]byte, bool, error) {
	value, err := redis.Bytes(reply, err)
	var refused redis.Error
	if errors.Is(err, redis.ErrNil) || errors.As(err, &refused) && strings.HasPrefix(string(refused), "WRONGTYPE") {
		return nil, false, nil
	}
	return value, err == nil, err
}

// wrap says what was being tried, if it failed.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
