package inspect_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/session/record"
)

// The keys have the documented format.
const (
	to   = "+15005550006"
	from = "+12025550143"

	token     = "Zm9ydHktdGhyZWUgY2hhcmFjdGVycyBvZiBiYXNlNjQ"
	pointer   = "sms:conversation:" + to + ":" + from
	recordKey = "sms:session:" + token
	text      = `{"version":1,"counter":2,"from":"+12025550143","to":"+15005550006"}`
)

var keys = record.Keys{Prefix: "sms:"}

// bench is a Redis, a pool that the code under test uses, and a connection to look at the keys with.
type bench struct {
	*testing.T
	pool *redispool.Pool
	conn redis.Conn
	addr string
}

// each runs a test on every kind of Redis of redistest.Each.
func each(t *testing.T, run func(b bench)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, backend *redistest.Backend) {
		pool := redispool.Open(redispool.Options{
			URL: redisurl.URL{Addrs: []string{backend.Addr}}, Timeout: time.Minute,
		})
		t.Cleanup(func() { pool.Close() })
		run(bench{t, pool, redistest.Conn(t, backend.Addr), backend.Addr})
	})
}

func (b bench) do(command string, args ...any) any {
	b.Helper()
	reply, err := b.conn.Do(command, args...)
	if err != nil {
		b.Fatalf("%s %v: %v", command, args, err)
	}
	return reply
}

// converse puts a conversation with the given time to live into Redis.
func (b bench) converse(left time.Duration) {
	b.Helper()
	b.do("SET", pointer, token, "PX", left.Milliseconds())
	b.do("SET", recordKey, text, "PX", left.Milliseconds())
}

// read returns the record of the conversation, as the page of dev shows it.
func (b bench) read() (record inspect.Snapshot, found bool) {
	b.Helper()
	s, found, err := inspect.Read(b.Context(), b.pool.Pool, keys, to, from)
	if err != nil {
		b.Fatal(err)
	}
	return s, found && s.Record.Text != nil
}

func (b bench) age(d time.Duration) {
	b.Helper()
	if err := inspect.Age(b.Context(), b.pool.Pool, keys, to, from, d); err != nil {
		b.Fatal(err)
	}
}

// left returns the time to live of a key, rounded up to a minute.
func (b bench) left(key string) time.Duration {
	b.Helper()
	ms, _ := b.do("PTTL", key).(int64)
	return upToMinutes(time.Duration(ms) * time.Millisecond)
}

// upToMinutes rounds up, because time passes while a test runs.
func upToMinutes(d time.Duration) time.Duration {
	return (d + time.Minute - time.Millisecond).Truncate(time.Minute)
}

func TestRead(t *testing.T) {
	each(t, func(b bench) {
		b.converse(3 * time.Hour)
		got, found := b.read()
		if !found || string(got.Pointer.Text) != token || string(got.Record.Text) != text ||
			upToMinutes(got.Record.TTL) != 3*time.Hour {
			b.Errorf("got %+v, %t", got, found)
		}
		if b.left(pointer) != 3*time.Hour || b.left(recordKey) != 3*time.Hour {
			b.Errorf("the pointer has %v left and the record %v", b.left(pointer), b.left(recordKey))
		}
	})
}

func TestReadUsesThePrefix(t *testing.T) {
	each(t, func(b bench) {
		b.do("SET", "text/conversation:whatsapp%3A+15005550006:whatsapp%3A+12025550143", token, "PX", 60_000)
		b.do("SET", "text/session:"+token, text, "PX", 60_000)
		got, found, err := inspect.Read(b.Context(), b.pool.Pool, record.Keys{Prefix: "text/"}, "whatsapp:"+to,
			"whatsapp:"+from)
		if err != nil || !found || string(got.Record.Text) != text || got.From != "whatsapp:"+from {
			b.Errorf("got %+v, %t, %v", got, found, err)
		}
	})
}

func TestReadFindsNoRecord(t *testing.T) {
	rows := []struct {
		name string
		set  func(b bench)
	}{
		{"the conversation never began", func(b bench) { b.do("FLUSHALL") }},
		{"the pointer is missing", func(b bench) { b.do("DEL", pointer) }},
		{"the record is missing", func(b bench) { b.do("DEL", recordKey) }},
		{"the pointer is not a string", func(b bench) { b.do("DEL", pointer); b.do("LPUSH", pointer, token) }},
		{"the record is not a string", func(b bench) { b.do("DEL", recordKey); b.do("HSET", recordKey, "a", "b") }},
		{"the pointer is another sender's", func(b bench) { b.do("RENAME", pointer, "sms:conversation:"+to+":+12025550144") }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(b bench) {
				b.converse(time.Hour)
				row.set(b)
				if got, found := b.read(); found {
					b.Errorf("got %+v", got)
				}
				b.age(time.Minute) // Age returns no error
			})
		})
	}
}

func TestAKeyThatDoesNotExpire(t *testing.T) {
	each(t, func(b bench) {
		b.do("SET", pointer, token)
		b.do("SET", recordKey, "not JSON")
		if got, found := b.read(); !found || string(got.Record.Text) != "not JSON" ||
			got.Record.TTL != inspect.Forever || got.Pointer.TTL != inspect.Forever {
			b.Errorf("got %+v, %t", got, found)
		}
		if b.age(time.Hour); b.do("PTTL", recordKey) != int64(-1) {
			b.Errorf("then it has a PTTL of %v", b.do("PTTL", recordKey))
		}
	})
}

func TestAge(t *testing.T) {
	rows := []struct {
		name    string
		d, left time.Duration
	}{
		{"one hour of four passes", time.Hour, 3 * time.Hour},
		{"no time passes", 0, 4 * time.Hour},
		{"all but a minute passes", 4*time.Hour - time.Minute, time.Minute},
		{"all of the time passes", 4 * time.Hour, 0},
		{"more than all of the time passes", 30 * 24 * time.Hour, 0},
		{"the longest possible duration passes", 1<<63 - 1, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(b bench) {
				b.converse(4 * time.Hour)
				b.do("SET", "sms:conversation:"+to+":+12025550144", "another", "PX", time.Hour.Milliseconds())
				b.age(row.d)
				want := int64(3)
				if row.left == 0 {
					want = 1
				}
				if b.left(pointer) != row.left || b.left(recordKey) != row.left || b.do("DBSIZE") != want {
					b.Errorf("the pointer has %v left and the record %v of %d keys", b.left(pointer), b.left(recordKey),
						b.do("DBSIZE"))
				}
				if row.left > 0 && string(b.do("GET", recordKey).([]byte)) != text {
					b.Error("the record is another one")
				}
			})
		})
	}
}

// renewing renews a conversation before the first command that writes, as a message could in that moment.
type renewing struct {
	redis.Conn
	renew func()
}

func (c renewing) Do(command string, args ...any) (any, error) {
	if command != "GET" && command != "PTTL" && command != "" {
		c.renew()
	}
	return c.Conn.Do(command, args...)
}

func TestAgeDoesNotUndoARenewal(t *testing.T) {
	each(t, func(b bench) {
		b.converse(2 * time.Hour)
		renew := sync.OnceFunc(func() { b.converse(4 * time.Hour) })
		pool := &redis.Pool{Dial: func() (redis.Conn, error) {
			conn, err := redis.Dial("tcp", b.addr)
			return renewing{conn, renew}, err
		}}
		defer pool.Close()
		if err := inspect.Age(b.Context(), pool, keys, to, from, time.Hour); err != nil {
			b.Fatal(err)
		}
		if b.left(pointer) != 3*time.Hour || b.left(recordKey) != 3*time.Hour {
			b.Errorf("after a renewal to four hours, the pointer has %v left and the record %v",
				b.left(pointer), b.left(recordKey))
		}
	})
}

func TestReadAndAgeFail(t *testing.T) {
	each(t, func(b bench) {
		b.converse(time.Hour)
		if err := inspect.Age(b.Context(), b.pool.Pool, keys, to, from, -time.Second); err == nil ||
			!strings.Contains(err.Error(), "negative") {
			b.Errorf("a negative duration: %v", err)
		}
		ended, cancel := context.WithCancel(b.Context())
		cancel()
		if err := inspect.Age(ended, b.pool.Pool, keys, to, from, time.Hour); err == nil {
			b.Error("Age ignores the end of its context")
		}
		if _, _, err := inspect.Read(ended, b.pool.Pool, keys, to, from); err == nil {
			b.Error("Read ignores the end of its context")
		}
		if b.left(pointer) != time.Hour || b.left(recordKey) != time.Hour {
			b.Errorf("the pointer has %v left and the record %v", b.left(pointer), b.left(recordKey))
		}
	})
	t.Run("without Redis", func(t *testing.T) {
		pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{"127.0.0.1:1"}}})
		defer pool.Close()
		if _, found, err := inspect.Read(t.Context(), pool.Pool, keys, to, from); err == nil || found {
			t.Errorf("Read: %t, %v", found, err)
		}
		if err := inspect.Age(t.Context(), pool.Pool, keys, to, from, time.Hour); err == nil {
			t.Error("Age reports success")
		}
	})
}
