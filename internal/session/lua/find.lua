-- find returns 1 if KEYS[1] still has the value that the caller knows. Otherwise it returns what read returns.
-- ARGV: the value that the caller knows, given as in record; nothing if it knows none.
local isUnchanged = ARGV[1] and redis.pcall('STRLEN', KEYS[1]) == tonumber(ARGV[3])
  and redis.call('GETRANGE', KEYS[1], '0', ARGV[2]) == ARGV[1]
if isUnchanged then return 1 end
-- include read.lua
return read(KEYS[1])
