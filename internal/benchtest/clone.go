package benchtest

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/webhooktest"
)

// cloneBatch is how many conversations are written to Redis in one round trip.
const cloneBatch = 1000

// Keys returns the keys of a conversation in Redis, as the service names them: the record and the pointer.
func (c Conversation) Keys() (session, pointer string) {
	return "sms:session:" + c.Cookie, "sms:conversation:" + webhooktest.To + ":" + c.From
}

// Clone writes n conversations to Redis that are like one that the service has written: the same record and the same
// pointer, with other numbers and tokens.
func (c Conversation) Clone(tb testing.TB, conn redis.Conn, n int) []Conversation {
	tb.Helper()
	key, _ := c.Keys()
	text, err := redis.String(conn.Do("GET", key))
	if err != nil {
		tb.Fatal(err)
	}
	before, after, found := strings.Cut(text, c.From)
	if !found || strings.Contains(after, c.From) {
		tb.Fatalf("the record should have the number %s once: %s", c.From, text)
	}
	var clones []Conversation
	for len(clones) < n {
		batch := min(cloneBatch, n-len(clones))
		for range batch {
			clone := Conversation{From: webhooktest.NewNumber(), Cookie: newToken()}
			session, pointer := clone.Keys()
			_ = conn.Send("SET", session, before+clone.From+after, "PX", (4 * time.Hour).Milliseconds())
			_ = conn.Send("SET", pointer, clone.Cookie, "PX", (4 * time.Hour).Milliseconds())
			clones = append(clones, clone)
		}
		_ = conn.Flush() // Receive returns its error
		for range 2 * batch {
			if _, err := conn.Receive(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return clones
}

// newToken returns a token like those of scs: 32 random bytes in base64url.
func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
