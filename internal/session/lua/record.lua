-- record saves the record of a session by compare-and-set.
-- KEYS[1]: the session. ARGV: the front and the length of the value that was read ('' and 0 for none), the new value
-- ('' to keep the value that was read), the time to live in milliseconds.
-- It returns 1 if it has saved the value. Otherwise it returns what find returns.
if not isUnchanged(KEYS[1], ARGV[1], ARGV[2]) then return read(KEYS[1]) end
if ARGV[3] == '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
return 1
