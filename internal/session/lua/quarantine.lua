-- quarantine renames KEYS[1] to KEYS[2] if it still has the value that was read, ARGV[1], or if its value cannot be
-- read. ARGV[2]: the new time to live in milliseconds. It returns 1 if it has renamed the key, and 0 otherwise.
-- It copies nothing.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return 0 end
if kind == 'string' then
  local size = redis.call('STRLEN', KEYS[1])
  if size <= 262144 and (size ~= #ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1]) then return 0 end
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
