package inspect

import (
	"context"
	"fmt"
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
// and renews nothing. What is missing, has expired, is no string or is too large to be a record is not found. An error
// means that Redis did not answer.
func Find(ctx context.Context, pool *redis.Pool, keys session.Keys, to, from string) (Record, bool, error) {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return Record{}, false, fmt.Errorf("find conversation: %w", err)
	}
	defer conn.Close()
	var l Look
	l.To, l.From = to, from
	if _, err := l.read(ctx, reader{conn, pool}, keys); err != nil {
		return Record{}, false, fmt.Errorf("find session: %w", err)
	}
	if l.Record == nil {
		return Record{}, false, nil
	}
	ttl := l.RecordLeft
	if ttl == Forever {
		ttl = 0
	}
	return Record{Token: l.Pointer, JSON: l.Record, TTL: ttl}, true, nil
}

// wrap says what was being tried, if it failed.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
