-- find returns 1 if KEYS[1] still has the value that the caller knows. Otherwise it returns what read returns.
-- ARGV: the arguments of isUnchanged for the value that the caller knows; nothing if it knows none.
if ARGV[1] and isUnchanged(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return 1 end
return read(KEYS[1])
