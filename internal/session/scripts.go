package session

import (
	"embed"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

//go:embed lua
var lua embed.FS

// scripts are the steps that must be atomic. Redis 7.0 has no SET IFEQ, so they are scripts. Each script uses one key,
// or two keys in the same slot of a Cluster. No script reads a clock: the expiry is a relative PX, so that the clocks
// of the replicas need not agree. The scripts run unchanged on Redis, Valkey and miniredis.
var scripts = struct{ find, record, pointer, end, discard, quarantine, turn, renew *redis.Script }{
	find:       newScript("find", 1),
	record:     newScript("record", 1),
	pointer:    newScript("pointer", 1),
	end:        newScript("end", 1),
	discard:    newScript("discard", 1),
	quarantine: newScript("quarantine", 2),
	turn:       newScript("turn", 1),
	renew:      newScript("renew", 1),
}

// newScript returns the script of a file, after the functions in value.lua. These check the size of a value before they
// read it.
func newScript(name string, keys int) *redis.Script {
	functions, err := lua.ReadFile("lua/value.lua")
	script, err2 := lua.ReadFile("lua/" + name + ".lua")
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only if the program was built without the file
	}
	return redis.NewScript(keys, fmt.Sprintf("local maxSize = %d\n%s%s", record.MaxSize, functions, script))
}
