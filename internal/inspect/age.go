package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// Age lets d pass for the conversation between two addresses, as if it had no message for that long. It shortens the
// time to live of the pointer and of the record by d, and deletes a key that has no time left. It does not change the
// deadline in the record. It does nothing if there is no conversation. It returns an error if d is negative or if Redis
// does not answer. After an error, only one of the keys may have changed.
func Age(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string, d time.Duration) error {
	if d < 0 {
		return errors.New("age conversation: the duration is negative")
	}
	s, found, err := Read(ctx, pool, keys, to, from)
	if err != nil || !found {
		return err
	}
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return fmt.Errorf("age conversation: %w", err)
	}
	defer conn.Close()
	for _, key := range []string{keys.Session(string(s.Pointer.Text)), keys.Conversation(to, from)} {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("age conversation: %w", err)
		}
		if _, err := redis.NewScript(1, ageScript).Do(conn, key, d.Milliseconds()); err != nil {
			return fmt.Errorf("age conversation: %w", err)
		}
	}
	return nil
}

// ageScript shortens the time to live of KEYS[1] by ARGV[1] milliseconds. It is a script so that it does not undo the
// renewal by a message that comes at the same time. A key that does not expire is not changed.
const ageScript = `
local left = redis.call('PTTL', KEYS[1])
if left < 0 then return 0 end
if left <= tonumber(ARGV[1]) then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], left - tonumber(ARGV[1]))`
