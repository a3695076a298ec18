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
// deadline in the record. It does nothing if there is no conversation. It returns an error if d is negative, if Redis
// does not answer, or on a Cluster, where the two keys are on different servers. Age is safe for concurrent use.
func Age(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string, d time.Duration) error {
	if d < 0 {
		return errors.New("age conversation: the duration is negative")
	}
	s, found, err := Read(ctx, pool, keys, to, from)
	if err != nil || !found {
		return err
	}
	conn, err := pool.GetContext(ctx)
	if err == nil {
		defer conn.Close()
		token := string(s.Pointer.Text)
		script := redis.NewScript(2, ageScript)
		_, err = script.Do(conn, keys.Session(token), keys.Conversation(to, from), d.Milliseconds())
	}
	if err != nil {
		return fmt.Errorf("age conversation: %w", err)
	}
	return nil
}

// ageScript shortens the time to live of each key by ARGV[1] milliseconds. It is a script, because separate commands
// could undo the renewal by a message that comes in between. A key that does not expire is not changed.
const ageScript = `
for _, key in ipairs(KEYS) do
	local left, age = redis.call('PTTL', key), tonumber(ARGV[1])
	if left > age then redis.call('PEXPIRE', key, left - age)
	elseif left >= 0 then redis.call('DEL', key) end
end`
