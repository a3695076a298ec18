package inspect

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
	"smsession/internal/session/record"
)

// Forever is the time to live of a key that does not expire. The service writes no such key.
const Forever = time.Duration(math.MaxInt64)

// Snapshot has the values in Redis of one conversation. The record was read after the pointer, so a message may have
// changed Redis in between.
type Snapshot struct {
	To, From string
	Pointer  Value // contains a token, unless it was damaged
	Record   Value // the zero Value if the pointer contains no token
}

// Value is the value of a key.
type Value struct {
	Text []byte        // nil if the key was missing, was not a string, or was too large to be read
	Size int64         // the size of the string in bytes, even if it was too large to be read
	TTL  time.Duration // the time to live: 0 if the key was missing, Forever if it does not expire
}

// Read returns what Redis contains about the conversation between two addresses, written as in a message. It reports
// false if there is no pointer. It renews nothing, and it reads no value that is larger than a token or a record may
// be. An error means that Redis did not answer before its time-out or refused a command, or that ctx ended before a
// connection was available. Read is safe for concurrent use.
func Read(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string) (Snapshot, bool, error) {
	var found []Snapshot
	conn, err := pool.GetContext(ctx)
	if err == nil {
		defer conn.Close()
		found, err = reader{conn, clusterKeys}.snapshots(keys, []string{keys.Conversation(to, from)}, "")
	}
	switch {
	case err != nil:
		return Snapshot{}, false, fmt.Errorf("read conversation: %w", err)
	case len(found) == 0:
		return Snapshot{}, false, nil
	}
	return found[0], true, nil
}

// reader reads many keys in a few round trips.
type reader struct {
	conn   redis.Conn
	atOnce int // the number of keys whose commands are sent together
}

const (
	serverKeys  = pageSize // one server gets the commands for a whole page
	clusterKeys = 16       // each command for a Cluster may use a connection of its own
)

// snapshots returns the conversations of some pointers. It leaves out pointers that no longer exist, and those that do
// not begin with prefix, whose records it does not read.
func (r reader) snapshots(keys record.Keys, pointers []string, prefix string) ([]Snapshot, error) {
	values, err := r.values(pointers, record.TokenLength)
	if err != nil {
		return nil, err
	}
	var found []Snapshot
	var records []string
	for i, pointer := range values {
		to, from, isPointer := keys.Addresses(pointers[i])
		isMissing := pointer.Text == nil && pointer.Size <= record.TokenLength
		if !isPointer || isMissing || !strings.HasPrefix(string(pointer.Text), prefix) {
			continue
		}
		token := string(pointer.Text)
		if !record.IsToken(token) {
			token = "" // no session has this token
		}
		found = append(found, Snapshot{To: to, From: from, Pointer: pointer})
		records = append(records, keys.Session(token))
	}
	values, err = r.values(records, record.MaxSize)
	for i, v := range values {
		found[i].Record = v
	}
	return found, err
}

// values returns the values of keys. It asks for the sizes first, and does not read a string of more than maxSize
// bytes.
func (r reader) values(keys []string, maxSize int64) ([]Value, error) {
	sizes, err := r.do(keys, "STRLEN", "PTTL")
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(keys))
	var small []string
	var owners []*Value
	for i := range values {
		size, isString := sizes[2*i].(int64)
		values[i] = Value{Size: size, TTL: timeToLive(sizes[2*i+1])}
		if isString && size <= maxSize {
			small, owners = append(small, keys[i]), append(owners, &values[i])
		}
	}
	texts, err := r.do(small, "GET")
	for i, text := range texts {
		owners[i].Text, _ = text.([]byte)
	}
	return values, err
}

// timeToLive converts the reply to PTTL, which is -1 if the key does not expire and -2 if it is missing.
// See https://redis.io/docs/latest/commands/pttl/.
func timeToLive(reply any) time.Duration {
	ms, _ := reply.(int64)
	if ms == -1 {
		return Forever
	}
	return time.Duration(max(ms, 0)) * time.Millisecond
}

// do returns the replies to all commands for the first key, then for the second, and so on. A reply is nil if the
// server has no string with this key: the key has another type, or a Cluster has just moved it to another server.
func (r reader) do(keys []string, commands ...string) ([]any, error) {
	var replies []any
	for some := range slices.Chunk(keys, r.atOnce) {
		for _, key := range some {
			for _, command := range commands {
				if err := r.conn.Send(command, key); err != nil {
					return nil, err
				}
			}
		}
		if err := r.conn.Flush(); err != nil {
			return nil, err
		}
		for range len(some) * len(commands) {
			reply, err := r.conn.Receive()
			if err != nil && !slices.Contains([]string{"WRONGTYPE", "MOVED", "ASK"}, node.Code(err)) {
				return nil, err
			}
			replies = append(replies, reply)
		}
	}
	return replies, nil
}
