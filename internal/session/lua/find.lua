-- find returns the value of KEYS[1]. If the value is too large, it returns its size. If the value is not a string, it
-- returns WRONGTYPE.
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) == 'table' or size > 262144 then return size end
return redis.call('GET', KEYS[1])
