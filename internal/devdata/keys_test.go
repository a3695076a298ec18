package devdata_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/devdata"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// embedded starts a Redis as dev does, and returns a pool and one connection.
func embedded(t *testing.T) (*redis.Pool, redis.Conn) {
	t.Helper()
	m, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{m.Addr()}}, Timeout: time.Minute})
	t.Cleanup(func() { pool.Close() })
	return pool.Pool, redistest.Conn(t, m.Addr())
}

func do(t *testing.T, conn redis.Conn, command string, args ...any) any {
	t.Helper()
	reply, err := conn.Do(command, args...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestKeysAreKept(t *testing.T) {
	pool, conn := embedded(t)
	do(t, conn, "SET", "sms:\xff\n", "\x00\xfe\r\n", "PX", 3_600_000)
	do(t, conn, "SET", "gone", "x", "PX", 60_000)
	do(t, conn, "SET", "forever", "")
	do(t, conn, "SET", "sms:probe", "1")
	do(t, conn, "HSET", "hash", "field", "value")
	before := time.Now()
	keys, err := devdata.Snapshot(t.Context(), pool, "sms:probe")
	if err != nil || len(keys) != 3 {
		t.Fatalf("the keys are %q, %v", keys, err)
	}
	other, restored := embedded(t)
	if err := devdata.Restore(t.Context(), other, keys, before.Add(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := do(t, restored, "DBSIZE"); n != int64(2) {
		t.Errorf("%v keys are restored, want two: one has expired", n)
	}
	if value, err := redis.String(restored.Do("GET", "sms:\xff\n")); err != nil || value != "\x00\xfe\r\n" {
		t.Errorf("the value is %q, %v", value, err)
	}
	left, err := redis.Int64(restored.Do("PTTL", "sms:\xff\n"))
	if want := int64(50 * 60_000); err != nil || left > want+1000 || left < want-60_000 {
		t.Errorf("the time to live is %d ms, want about %d", left, want)
	}
	if left := do(t, restored, "PTTL", "forever"); left != int64(-1) {
		t.Errorf("a key that does not expire expires in %v ms", left)
	}
	if value, err := redis.String(restored.Do("GET", "forever")); err != nil || value != "" {
		t.Errorf("an empty value is %q, %v", value, err)
	}
}

// TestLastMillisecond reads keys that have less than a millisecond to live. PTTL is 0 for them.
func TestLastMillisecond(t *testing.T) {
	pool, conn := embedded(t)
	for i := range 300 {
		do(t, conn, "SET", fmt.Sprint("key", i), "", "PX", 1+i)
	}
	for left := 300; left > 0; {
		keys, err := devdata.Snapshot(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if key.Expires.IsZero() {
				t.Fatalf("%s is kept for ever", key.Name)
			}
		}
		left = len(keys)
	}
}

// TestSnapshotIsOneMoment reads two keys that always change together.
func TestSnapshotIsOneMoment(t *testing.T) {
	pool, conn := embedded(t)
	stop, ended := make(chan struct{}), make(chan struct{})
	do(t, conn, "MSET", "pointer", 0, "record", 0)
	go func() {
		defer close(ended)
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
				_, _ = conn.Do("MSET", "pointer", n, "record", n)
			}
		}
	}()
	defer func() {
		close(stop)
		<-ended
	}()
	for range 200 {
		keys, err := devdata.Snapshot(t.Context(), pool)
		if err != nil || len(keys) != 2 || string(keys[0].Value) != string(keys[1].Value) {
			t.Fatalf("the keys are %q, %v", keys, err)
		}
	}
	naive := pool.Get()
	defer naive.Close()
	webhooktest.Wait(t, "separate commands to see two moments", func() bool {
		pointer, _ := redis.String(naive.Do("GET", "pointer"))
		record, _ := redis.String(naive.Do("GET", "record"))
		return fmt.Sprint(pointer) != record
	})
}
