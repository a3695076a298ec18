package control

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// incr counts again if the reply of Redis is lost.
func incr(conn redis.Conn, conversation, _ string) (int, error) {
	return redis.Int(conn.Do("INCR", "count:"+conversation))
}

// checkThenMark recognizes a repeat by a mark. Two deliveries at the same time both find no mark, and a crash between
// the count and the mark loses the mark.
func checkThenMark(conn redis.Conn, conversation, sid string) (int, error) {
	n, err := redis.Int(conn.Do("GET", "mark:"+sid))
	if !errors.Is(err, redis.ErrNil) {
		return n, err
	}
	if n, err = redis.Int(conn.Do("INCR", "count:"+conversation)); err != nil {
		return 0, err
	}
	_, err = conn.Do("SET", "mark:"+sid, n)
	return n, err
}

// lockTime is how long the lock lasts.
const lockTime = time.Second

var errLocked = errors.New("somebody else has the lock")

// The scripts return numbers, so that a fault can tell them from the read of the record.
const (
	acquire = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0"
	release = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"
)

// lockWithoutFencing changes a record under a lock. If the lock expires in between, two deliveries change the record at
// the same time.
func lockWithoutFencing(conn redis.Conn, conversation, sid string) (int, error) {
	lock, owner := "lock:"+conversation, rand.Text()
	if got, err := redis.Bool(conn.Do("EVAL", acquire, 1, lock, owner, lockTime.Milliseconds())); !got {
		return 0, cmp.Or(err, errLocked)
	}
	n, err := countInRecord(conn, "record:"+conversation, sid)
	_, _ = conn.Do("EVAL", release, 1, lock, owner)
	return n, err
}

// countInRecord counts a message in a record that contains the number of each message.
func countInRecord(conn redis.Conn, key, sid string) (int, error) {
	text, err := redis.Bytes(conn.Do("GET", key))
	if err != nil && !errors.Is(err, redis.ErrNil) {
		return 0, err
	}
	numbers := map[string]int{}
	_ = json.Unmarshal(text, &numbers)
	if n, isRepeat := numbers[sid]; isRepeat {
		return n, nil
	}
	numbers[sid] = len(numbers) + 1
	text, err = json.Marshal(numbers)
	if err == nil {
		_, err = conn.Do("SET", key, text)
	}
	return numbers[sid], err
}
