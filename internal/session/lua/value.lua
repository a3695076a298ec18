-- read returns the value of a key, or false if there is no such key. If the value is too large, it returns its size.
-- If the value is not a string, it returns the error WRONGTYPE.
local function read(key)
  local size = redis.pcall('STRLEN', key)
  if type(size) == 'table' or size > maxSize then return size end
  return redis.call('GET', key)
end

-- isUnchanged reports whether a key still has the value that was read. front is the beginning of this value, which
-- contains its revision, last is the offset of the last byte of front, and length is the size of the value in bytes.
-- They are '', -1 and 0 if there was no value. Redis takes long to write a number of Lua as text, so they are texts.
local function isUnchanged(key, front, last, length)
  return redis.pcall('STRLEN', key) == tonumber(length) and redis.call('GETRANGE', key, '0', last) == front
end

-- canRemove reports whether a key still has the value that was read, or has a value that cannot be read.
local function canRemove(key, value)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'string' then return kind ~= 'none' end
  return redis.call('STRLEN', key) > maxSize or redis.call('GET', key) == value
end

