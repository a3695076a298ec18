-- pointer sets the pointer of a conversation, unless it leads to another session.
-- KEYS[1]: the conversation. ARGV: the new token, the token that was read ('' for none), the time to live in
-- milliseconds. It returns 1 if it has set the pointer, and 0 otherwise.
-- A pointer that is not a string, or not as long as a token, leads nowhere and is overwritten.
-- include read.lua
local now = read(KEYS[1])
if type(now) == 'table' and not string.find(now.err, 'WRONGTYPE', 1, true) then return now end
if type(now) == 'string' and #now == #ARGV[1] and now ~= ARGV[1] and now ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
