package inspect

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// reader reads many keys in few round trips.
type reader struct {
	conn   redis.Conn
	atOnce int // how many commands go out together
}

const (
	// serverBatch is how many commands one server gets at once: two for each key of a page.
	serverBatch = 2 * pageSize

	// clusterBatch is how many commands a Cluster gets at once. Each may take a connection of its own.
	clusterBatch = 32
)

// command is a command of Redis that takes a key and nothing else.
type command struct{ name, key string }

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
	var sizes, texts []command
	for _, key := range keys {
		sizes = append(sizes, command{"STRLEN", key}, command{"PTTL", key})
	}
	replies, err := r.do(sizes)
	if err != nil {
		return nil, err
	}
	var read []*value
	for i, key := range keys {
		size, isString := replies[2*i].(int64)
		ttl, _ := replies[2*i+1].(int64)
		values[i] = value{size: size, ttl: timeToLive(ttl)}
		if isString && size <= maxSize {
			texts, read = append(texts, command{"GET", key}), append(read, &values[i])
		}
	}
	if replies, err = r.do(texts); err != nil {
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

// do returns the replies in the order of the commands.
func (r reader) do(commands []command) ([]any, error) {
	replies := make([]any, 0, len(commands))
	for some := range slices.Chunk(commands, r.atOnce) {
		for _, c := range some {
			if err := r.conn.Send(c.name, c.key); err != nil {
				return nil, err
			}
		}
		if err := r.conn.Flush(); err != nil {
			return nil, err
		}
		for range some {
			reply, err := r.conn.Receive()
			if err != nil && !absent(err) {
				return nil, err
			}
			replies = append(replies, reply)
		}
	}
	return replies, nil
}

// absent reports whether err is Redis's answer that there is no such string here: the key is of another type, or a
// Cluster has just moved it to another server.
func absent(err error) bool {
	var answer redis.Error
	code := ""
	if errors.As(err, &answer) {
		code, _, _ = strings.Cut(string(answer), " ")
	}
	return slices.Contains([]string{"WRONGTYPE", "MOVED", "ASK"}, code)
}
