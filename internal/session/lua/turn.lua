-- turn takes the turn of a conversation if nobody has it, or if ARGV[1] has it already.
-- KEYS[1]: the turn. ARGV: the token of the delivery, the time to live in milliseconds.
-- It returns 1 if it has taken the turn, and 0 otherwise. Any other value has at most the same time to live afterwards:
-- a key that an operator has set would otherwise block the conversation.
-- include read.lua
local now = read(KEYS[1])
if not now or now == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[2], 'LT') -- also if it does not expire
return 0
