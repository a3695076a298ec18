-- renew renews the turn of a conversation if ARGV[1] still has it.
-- KEYS[1]: the turn. ARGV: the token of the delivery, the time to live in milliseconds.
-- It returns 1 if it has renewed the turn, and 0 otherwise.
-- include read.lua
if read(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
