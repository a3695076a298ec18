package session

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
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

// newScript returns the script of a file, with the functions that it includes. These check the size of a value before
// they read it. Redis defines a function each time it reaches one, so that a script includes it where it is needed.
func newScript(name string, keys int) *redis.Script {
	include := func(name string) string {
		text, err := lua.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // only if the program was built without the file
		}
		return string(text)
	}
	functions := strings.NewReplacer(
		"-- include read.lua\n", include("read"),
		"-- include canremove.lua\n", include("canremove"))
	text := functions.Replace(include(name))
	return redis.NewScript(keys, fmt.Sprintf("local maxSize = %d\n%s", record.MaxSize, text))
}

// call is a call of a script with one key. If script is nil, it is the command GETEX. args begin with what EVALSHA
// needs before the key.
type call struct {
	script *redis.Script
	args   []any
}

// evalSHA is how many arguments EVALSHA has before the key: the hash of the script and the number of keys.
const evalSHA = 2

// newCall returns a call of a script. There is room for more arguments.
func newCall(script *redis.Script, room int, args ...any) call {
	all := make([]any, evalSHA, evalSHA+len(args)+room)
	all[0], all[1] = script.Hash(), 1
	return call{script, append(all, args...)}
}

func (c call) send(conn redis.Conn) error {
	if c.script == nil {
		return conn.Send("GETEX", c.args...)
	}
	return conn.Send("EVALSHA", c.args...)
}

func (c call) run(conn redis.Conn) (r reply) {
	if c.script == nil {
		r.value, r.err = conn.Do("GETEX", c.args...)
	} else {
		r.value, r.err = c.script.Do(conn, c.args[evalSHA:]...)
	}
	return r
}

// reply is the reply to a call. It is zero if the call was not sent.
type reply struct {
	value any
	err   error
}

// hasSaved reports whether the script has saved its value.
func (r reply) hasSaved() bool { return r.err == nil && r.value == int64(1) }

// find returns the call that reads a key. known is a record that Redis does not send again if it is still the value;
// nil if there is none.
func find(key any, known *record.Record) call {
	if known == nil {
		return newCall(scripts.find, 0, key)
	}
	front := known.Front()
	return newCall(scripts.find, 0, key, front, len(front)-1, len(known.Bytes()))
}

// text returns the value that the call find(key, known) has returned: nil if there is no such key. It reports false if
// the call has failed, or if the value must not be read.
func (r reply) text(known *record.Record) (value []byte, isRead bool) {
	if known != nil && r.err == nil && r.value == int64(1) {
		return known.Bytes(), true
	}
	value, isText := r.value.([]byte)
	return value, r.err == nil && (isText || r.value == nil)
}

// runAtOnce runs at most 3 calls in one round trip, and returns a reply for each. On a Cluster, they run in any order.
//
// A server does not know the scripts after a restart or a failover. If it does not know one of them, runAtOnce runs
// this call and the calls after it again, one after the other, unless ctx has ended.
func runAtOnce(ctx context.Context, conn redis.Conn, calls ...call) (replies [3]reply) {
	var err error
	for _, c := range calls {
		err = errors.Join(err, c.send(conn))
	}
	err = errors.Join(err, conn.Flush())
	isUnknown := false
	for i := range calls {
		if replies[i].err = err; err == nil {
			replies[i].value, replies[i].err = conn.Receive()
		}
	}
	for i, c := range calls {
		isUnknown = isUnknown || node.Code(replies[i].err) == "NOSCRIPT"
		if isUnknown && ctx.Err() == nil {
			replies[i] = c.run(conn)
		}
	}
	return replies
}
