-- canRemove reports whether a key still has the value that was read, or has a value that cannot be read.
local function canRemove(key, value)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'string' then return kind ~= 'none' end
  return redis.call('STRLEN', key) > maxSize or redis.call('GET', key) == value
end

