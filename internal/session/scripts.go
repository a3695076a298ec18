package session

import (
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Redis 7.0 has no SET IFEQ, hence scripts. Each touches one key and takes no time from a clock: expiry is a relative PX,
// so that the replicas' clocks need not agree. They run unchanged on Redis, Valkey and miniredis.
type scripts struct{ record, pointer, erase, content, discard *redis.Script }

func newScripts() scripts {
	return scripts{
		// record: KEYS[1] a session; ARGV what was read ("" for nothing), what to write, milliseconds to live. A refusal
		// brings what the key holds.
		record: redis.NewScript(1, `
local now = redis.call('GET', KEYS[1])
if now == ARGV[1] or (not now and ARGV[1] == '') then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return now`),

		// pointer: KEYS[1] a conversation; ARGV the token to write, what was read ("" for nothing), milliseconds to live.
		// A pointer that is not a string, or not as long as a token, points nowhere.
		pointer: redis.NewScript(1, `
local now = redis.pcall('GET', KEYS[1])
if not now or now == ARGV[1] or now == ARGV[2] or type(now) == 'table' or #now ~= #ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return 1
end
return 0`),

		// erase: KEYS[1] a session; ARGV what it must still hold.
		erase: redis.NewScript(1, `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`),

		content: contentScript(),
		discard: discardScript(),
	}
}

// contentScript returns what content says of KEYS[1].
func contentScript() *redis.Script {
	return redis.NewScript(1, content+`
return content(KEYS[1])`)
}

// discardScript deletes KEYS[1], a session of any type, if ARGV[1] is what content says of it.
func discardScript() *redis.Script {
	return redis.NewScript(1, content+`
if content(KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`)
}

// content is a Lua function that returns a key's whole value as one string: strings as they are, other types as the
// type's name and the quoted elements, a line each. It returns false where there is no key or the type has no elements
// that a script could read.
const content = `
local function lines(value, out)
  if type(value) ~= 'table' then
    out[#out + 1] = string.format('%q', value)
    return
  end
  for _, element in ipairs(value) do lines(element, out) end
end
local readers = {
  hash = {'HGETALL'}, list = {'LRANGE', '0', '-1'}, set = {'SMEMBERS'},
  zset = {'ZRANGE', '0', '-1', 'WITHSCORES'}, stream = {'XRANGE', '-', '+'},
}
local function content(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then return redis.call('GET', key) end
  local reader = readers[kind]
  if not reader then return false end
  local out = {kind}
  lines(redis.call(reader[1], key, unpack(reader, 2)), out)
  return table.concat(out, '\n')
end`

// isCode reports whether err is a reply of Redis's with the given code, such as NOSCRIPT.
func isCode(err error, code string) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.HasPrefix(string(reply), code)
}
