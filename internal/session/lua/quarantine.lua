-- quarantine renames KEYS[1] to KEYS[2] if it still has the value that was read, ARGV[1], or if its value cannot be
-- read. ARGV[2]: the new time to live in milliseconds. It returns 1 if it has renamed the key, and 0 otherwise.
-- RENAME does not copy the value.
-- include canremove.lua
if not canRemove(KEYS[1], ARGV[1]) then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
