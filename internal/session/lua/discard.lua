-- discard deletes KEYS[1] if it still has the value that was read, ARGV[1], or if its value cannot be read.
-- It returns the number of deleted keys.
-- include canremove.lua
if not canRemove(KEYS[1], ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])
