package redistest

import (
	"path"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/webhooktest"
)

func TestEach(t *testing.T) {
	var names []string
	Each(t, func(t *testing.T, b *Backend) {
		name := path.Base(t.Name())
		names = append(names, name)
		if (b.Server != nil) != (name == "real") || (b.Advance != nil) != (name == "embedded") {
			t.Errorf("Server is %v, and Advance is nil: %t", b.Server, b.Advance == nil)
		}
		c := Conn(t, b.Addr)
		if n, err := redis.Int(c.Do("DBSIZE")); n != 0 || err != nil {
			t.Errorf("DBSIZE = %d, %v, want an empty Redis", n, err)
		}
		if _, err := c.Do("SET", "key", "value"); err != nil {
			t.Errorf("SET: %v", err)
		}
		if got, err := redis.String(c.Do("GET", "key")); got != "value" {
			t.Errorf("GET = %q, %v, want value", got, err)
		}
		sha, err := redis.String(c.Do("SCRIPT", "LOAD", "return redis.call('GET', KEYS[1])"))
		if err != nil {
			t.Fatalf("SCRIPT LOAD: %v", err)
		}
		if got, err := redis.String(c.Do("EVALSHA", sha, 1, "key")); got != "value" {
			t.Errorf("EVALSHA = %q, %v, want value", got, err)
		}
		c2, err := redis.DialURL(b.URL)
		if err != nil {
			t.Fatalf("dial %s: %v", b.URL, err)
		}
		c2.Close()
	})
	if len(names) != 2 || names[0] != "embedded" || names[1] != "real" {
		t.Errorf("Each ran over %v, want embedded and real", names)
	}
}

func TestAdvance(t *testing.T) {
	b := embedded(t)
	c := Conn(t, b.Addr)
	c.Do("SET", "four hours", "v", "EX", 14400)
	b.Advance(4*time.Hour - time.Minute)
	if got, _ := redis.Int(c.Do("TTL", "four hours")); got < 50 || got > 60 {
		t.Errorf("TTL = %d a minute before the key expires, want 60", got)
	}
	b.Advance(time.Minute)
	if n, err := redis.Int(c.Do("EXISTS", "four hours")); n != 0 || err != nil {
		t.Errorf("EXISTS = %d, %v after four hours, want 0", n, err)
	}
}

func TestEmbeddedClock(t *testing.T) {
	b := embedded(t)
	c := Conn(t, b.Addr)
	b.Advance(time.Hour)
	c.Do("SET", "short", "v", "PX", 20)
	webhooktest.Wait(t, "the expiry of a key with a time to live of 20 ms", func() bool {
		n, err := redis.Int(c.Do("EXISTS", "short"))
		return n == 0 && err == nil
	})
}
