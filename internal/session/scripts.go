package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// scripts are the steps that must be atomic. Redis 7.0 has no SET IFEQ, so they are scripts. Each script uses one key,
// or two keys in the same slot of a Cluster. No script reads a clock: the expiry is a relative PX, so that the clocks
// of the replicas need not agree. A script checks the size of a value before it reads the value. The scripts run
// unchanged on Redis, Valkey and miniredis.
var scripts = struct{ find, record, pointer, end, discard, quarantine *redis.Script }{
	// find: KEYS[1]. It returns the value, or the size of a value that is too large, or WRONGTYPE if it is not a
	// string.
	find: newScript(1, unlessUnfit+`
return redis.call('GET', KEYS[1])`),

	// record: KEYS[1] a session; ARGV the value that was read ("" for no value), the value to write, milliseconds to
	// live. It returns 1 if it wrote the value, and otherwise the same as find.
	record: newScript(1, unlessUnfit+`
local now = redis.call('GET', KEYS[1])
if now == ARGV[1] or (not now and ARGV[1] == '') then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return now`),

	// pointer: KEYS[1] a conversation; ARGV the token to write, the token that was read ("" for no token), milliseconds
	// to live. A pointer that is not a string, or not as long as a token, leads nowhere and is overwritten.
	pointer: newScript(1, `
if redis.pcall('STRLEN', KEYS[1]) == #ARGV[1] then
  local now = redis.call('GET', KEYS[1])
  if now and now ~= ARGV[1] and now ~= ARGV[2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1`),

	// end: KEYS[1] a session, which keeps its remaining time to live; ARGV the value that was read, the value to write.
	end: newScript(1, `
if redis.pcall('STRLEN', KEYS[1]) ~= #ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`),

	// discard: KEYS[1]; ARGV the value that was read. It deletes a key that still has this value, or that cannot be
	// read.
	discard: newScript(1, unlessChanged+`
return redis.call('DEL', KEYS[1])`),

	// quarantine: KEYS a session, its quarantine key; ARGV the value that was read, milliseconds to live. It renames a
	// key that still has this value, or that cannot be read. It copies nothing.
	quarantine: newScript(2, unlessChanged+`
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`),
}

// unlessUnfit makes a script return the size of a string that is too large, or an error for a value that is not a
// string.
const unlessUnfit = `
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) == 'table' or size > MAX then return size end`

// unlessChanged makes a script return 0 if KEYS[1] is missing, or is a readable string that differs from ARGV[1].
const unlessChanged = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return 0 end
if kind == 'string' then
  local size = redis.call('STRLEN', KEYS[1])
  if size <= MAX and (size ~= #ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1]) then return 0 end
end`

func newScript(keys int, text string) *redis.Script {
	return redis.NewScript(keys, strings.ReplaceAll(text, "MAX", strconv.Itoa(record.MaxSize)))
}

var (
	errTooLarge  = fmt.Errorf("%w: it is larger than 256 KiB", record.ErrForeign)
	errNotString = fmt.Errorf("%w: it is not a string", record.ErrForeign)
)

// read returns the value of a key. It returns nil if there is no such key. Its errors are errTooLarge, errNotString,
// and the errors of Redis.
func read(conn redis.Conn, key any) ([]byte, error) {
	value, err := redis.Bytes(get(conn, key))
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	return value, err
}

// get returns the reply to the script find. It returns errNotString or errTooLarge for a value that must not be read.
func get(conn redis.Conn, key any) (any, error) {
	reply, err := scripts.find.Do(conn, key)
	if isCode(err, "WRONGTYPE") {
		return nil, errNotString
	}
	if _, isSize := reply.(int64); isSize {
		return nil, errTooLarge
	}
	return reply, err
}

// sizedConn is a connection whose GET does not read a value that is too large. redisstore uses it.
type sizedConn struct{ redis.Conn }

func (c sizedConn) Do(command string, args ...any) (any, error) {
	if command != "GET" {
		return c.Conn.Do(command, args...)
	}
	return get(c.Conn, args[0])
}

// isCode reports whether err is an error reply of Redis with the given code, such as NOSCRIPT.
func isCode(err error, code string) bool {
	reply, isReply := errors.AsType[redis.Error](err)
	return isReply && strings.HasPrefix(string(reply), code)
}
