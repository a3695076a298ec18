-- record saves the record of a session by compare-and-set.
-- KEYS[1]: the session. ARGV: the value that was read, given by its beginning, which contains its revision, by the
-- offset of the last byte of this beginning, and by its size in bytes ('', -1 and 0 if there was no value); the time to
-- live in milliseconds; and then nothing to keep the value that was read, or the new value, or its changes: offsets,
-- each with the bytes that are written there. Lua takes longer for each byte of a value than Redis, so most values are
-- sent as changes. Redis takes long to write a number of Lua as text, so 0 is a text.
-- It returns 1 if it has saved the value. Otherwise it returns what find returns.
local isUnchanged = redis.pcall('STRLEN', KEYS[1]) == tonumber(ARGV[3])
  and redis.call('GETRANGE', KEYS[1], '0', ARGV[2]) == ARGV[1]
if isUnchanged then
  if #ARGV == 5 then
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[4])
    return 1
  end
  for i = 5, #ARGV, 2 do redis.call('SETRANGE', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
end
-- include read.lua
return read(KEYS[1])
