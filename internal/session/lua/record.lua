-- record saves the record of a session by compare-and-set.
-- KEYS[1]: the session. ARGV: the arguments of isUnchanged for the value that was read, the time to live in milliseconds,
-- and then nothing to keep the value that was read, or the new value, or its changes: offsets, each with the bytes that
-- are written there. Lua takes longer for each byte of a value than Redis, so most values are sent as changes.
-- It returns 1 if it has saved the value. Otherwise it returns what find returns.
if not isUnchanged(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return read(KEYS[1]) end
if #ARGV == 5 then
  redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[4])
  return 1
end
for i = 5, #ARGV, 2 do redis.call('SETRANGE', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
