package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session"
)

// Age lets a time pass for the conversation between two addresses: its pointer and its record lose so much of what they
// have left to live, and are gone if that is all. It is as if nobody had texted for so long. Where there is nothing,
// nothing happens. The deadline in the record, which no message moves, stays too. An error means that d is negative or
// that Redis did not answer; one of the keys may then be older than the other.
func Age(ctx context.Context, pool *redis.Pool, keys session.Keys, to, from string, d time.Duration) error {
	if d < 0 {
		return errors.New("age conversation: time does not go back")
	}
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return fmt.Errorf("age conversation: %w", err)
	}
	defer conn.Close()
	pointer := keys.Conversation(to, from)
	pointers, err := reader{conn, pool}.values(ctx, []string{pointer}, int64(session.TokenLength()))
	if err != nil || pointers[0].text == nil {
		return wrap("age conversation", err)
	}
	script := redis.NewScript(1, age)
	for _, key := range []string{keys.Session(string(pointers[0].text)), pointer} {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("age conversation: %w", err)
		}
		if _, err := script.Do(conn, key, d.Milliseconds()); err != nil {
			return fmt.Errorf("age conversation: %w", err)
		}
	}
	return nil
}

// age is a script, so that a message which renews the key at the same time is not undone: KEYS[1] a key of any type;
// ARGV milliseconds. A key that stays for ever has no time to lose.
const age = `
local left = redis.call('PTTL', KEYS[1])
if left < 0 then return 0 end
if left <= tonumber(ARGV[1]) then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], left - tonumber(ARGV[1]))`
