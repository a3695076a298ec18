package inspect

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// reader reads many keys in a few round trips.
type reader struct {
	conn   redis.Conn
	atOnce int // for how many keys commands go out together
}

const (
	serverKeys  = pageSize // one server gets the commands for a whole page
	clusterKeys = 16       // each command for a Cluster may take a connection of its own
)

// value is what a key contains.
type value struct {
	text []byte        // nil if the key is missing, is not a string, or is too large
	size int64         // of the string in bytes; it is known even if text is too large
	ttl  time.Duration // the time to live: 0 for a missing key, Forever for one that does not expire
}

// values returns the values of keys. It asks for the sizes first, and does not read a string of more than maxSize
// bytes.
func (r reader) values(keys []string, maxSize int64) ([]value, error) {
	values := make([]value, len(keys))
	replies, err := r.do(keys, "STRLEN", "PTTL")
	if err != nil {
		return nil, err
	}
	var small []string
	var read []*value
	for i, key := range keys {
		size, isString := replies[2*i].(int64)
		ttl, _ := replies[2*i+1].(int64)
		values[i] = value{size: size, ttl: timeToLive(ttl)}
		if isString && size <= maxSize {
			small, read = append(small, key), append(read, &values[i])
		}
	}
	if replies, err = r.do(small, "GET"); err != nil {
		return nil, err
	}
	for i, reply := range replies {
		read[i].text, _ = reply.([]byte)
	}
	return values, nil
}

// timeToLive converts the reply to PTTL, which is -1 if the key does not expire and -2 if it is missing.
// See https://redis.io/docs/latest/commands/pttl/.
func timeToLive(ms int64) time.Duration {
	if ms == -1 {
		return Forever
	}
	return time.Duration(max(ms, 0)) * time.Millisecond
}

// do returns the replies to all commands for the first key, then for the second, and so on.
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
			if err != nil && !absent(err) {
				return nil, err
			}
			replies = append(replies, reply)
		}
	}
	return replies, nil
}

// absent reports whether Redis answered that this server has no string with this key: the key has another type, or a
// Cluster has just moved it to another server.
func absent(err error) bool {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return false
	}
	code, _, _ := strings.Cut(string(answer), " ")
	return code == "WRONGTYPE" || code == "MOVED" || code == "ASK"
}
