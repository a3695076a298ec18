-- record saves the record of a session by compare-and-set.
-- KEYS[1]: the session. ARGV: the value that was read ('' for none), the new value, the time to live in milliseconds.
-- It returns 1 if it has saved the value. Otherwise it returns what find returns.
local now = read(KEYS[1])
if now == ARGV[1] or (not now and ARGV[1] == '') then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return now
