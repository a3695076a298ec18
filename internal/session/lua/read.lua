-- read returns the value of a key, or false if there is no such key. If the value is too large, it returns its size.
-- If the value is not a string, it returns the error WRONGTYPE.
local function read(key)
  local size = redis.pcall('STRLEN', key)
  if type(size) == 'table' or size > maxSize then return size end
  return redis.call('GET', key)
end
