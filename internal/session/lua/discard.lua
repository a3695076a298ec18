-- discard deletes KEYS[1] if it still has the value that was read, ARGV[1], or if its value cannot be read.
-- It returns the number of deleted keys.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return 0 end
if kind == 'string' then
  local size = redis.call('STRLEN', KEYS[1])
  if size <= 262144 and (size ~= #ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1]) then return 0 end
end
return redis.call('DEL', KEYS[1])
