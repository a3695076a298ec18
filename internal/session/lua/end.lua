-- end saves the record of a session by compare-and-set, and keeps its time to live.
-- KEYS[1]: the session. ARGV: the value that was read, the new value.
-- It returns 1 if it has saved the value, and 0 otherwise.
-- include read.lua
if read(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
