-- pointer sets the pointer of a conversation, unless it leads to another session.
-- KEYS[1]: the conversation. ARGV: the new token, the token that was read ('' for none), the time to live in
-- milliseconds. It returns 1 if it has set the pointer, and 0 otherwise.
-- A pointer that is not a string, or not as long as a token, leads nowhere and is overwritten.
if redis.pcall('STRLEN', KEYS[1]) == #ARGV[1] then
  local now = redis.call('GET', KEYS[1])
  if now and now ~= ARGV[1] and now ~= ARGV[2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
