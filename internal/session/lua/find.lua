-- find returns what read returns for KEYS[1].
return read(KEYS[1])
