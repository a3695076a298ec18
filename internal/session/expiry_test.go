package session_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// older makes every key older by d: the embedded Redis moves its clock, and the real one shortens each time to live.
func older(b *redistest.Backend, d time.Duration) {
	if b.Advance != nil {
		b.Advance(d)
		return
	}
	b.Server.Age(d)
}

func TestIdleTimeout(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		for n := 2; n <= 4; n++ { // every message renews the session
			older(b, 3*time.Hour+59*time.Minute)
			a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
			if a.maxAge != 14400 {
				t.Errorf("the cookie lives %d s, want 14400", a.maxAge)
			}
			expectTTL(t, conn, cookie, 4*time.Hour)
		}
		older(b, 4*time.Hour+time.Second)
		if all := keys(t, conn); len(all) != 0 {
			t.Fatalf("the keys %v are still there after the session has expired", all)
		}
		if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1)); a.cookie == cookie {
			t.Error("the new session has the token of the expired one")
		}
	})
}

// expectTTL fails the test unless the record and the pointer both live for the given time.
func expectTTL(t *testing.T, conn redis.Conn, token string, want time.Duration) {
	t.Helper()
	for _, key := range []string{"sms:session:" + token, pointerKey} {
		got := time.Duration(do(t, conn, "PTTL", key).(int64)) * time.Millisecond
		if got > want || got < want-time.Minute {
			t.Errorf("%s lives %v, want %v", key, got, want)
		}
	}
}

func TestRepeatRenewsTheSession(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn := newReplica(t, usual(b.Addr)), redistest.Conn(t, b.Addr)
		sid := webhooktest.NewSID()
		cookie := r.send(sid, "").cookie
		before := get(t, conn, "sms:session:"+cookie)
		older(b, 3*time.Hour)
		r.send(sid, cookie).expect(t, webhooktest.Greeting(1))
		expectTTL(t, conn, cookie, 4*time.Hour)
		if now := get(t, conn, "sms:session:"+cookie); now != before {
			t.Errorf("the record became %s", now)
		}
	})
}

func TestExpiryOfAnEndedSession(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		older(b, time.Hour)
		r.stop(webhooktest.NewSID(), cookie)
		expectTTL(t, conn, cookie, 4*time.Hour)
		older(b, 4*time.Hour+time.Second)
		if all := keys(t, conn); len(all) != 0 {
			t.Errorf("the keys %v are still there after the session has expired", all)
		}
	})
}

func TestLifetime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Lifetime = 2 * time.Hour // less than the idle time-out
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		cookie := r.send(webhooktest.NewSID(), "").cookie
		key := "sms:session:" + cookie
		deadline := regexp.MustCompile(`"deadline":"[^"]*"`)
		first := deadline.FindString(get(t, conn, key))
		for n := 2; n <= 4; n++ {
			r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
			if now := deadline.FindString(get(t, conn, key)); now != first {
				t.Errorf("message %d has moved the deadline from %s to %s", n, first, now)
			}
			expectTTL(t, conn, cookie, 2*time.Hour)
		}
		past := fmt.Sprintf(`"deadline":%q`, time.Now().Add(-time.Millisecond).UTC().Format(time.RFC3339Nano))
		do(t, conn, "SET", key, deadline.ReplaceAllString(get(t, conn, key), past), "KEEPTTL")
		if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1)); a.cookie == cookie {
			t.Error("the session continued after its deadline")
		}
	})
}

func TestDeadlineAfterAnEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Lifetime = 2 * time.Hour
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		cookie := r.send(webhooktest.NewSID(), "").cookie
		o.Lifetime = 3 * time.Hour // of another replica, so that the new deadline differs from the old one
		other := newReplica(t, o)
		other.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
		expectTTL(t, conn, cookie, 2*time.Hour)
		other.stop(webhooktest.NewSID(), cookie)
		other.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1))
		expectTTL(t, conn, cookie, 3*time.Hour)
	})
}

func TestCookieMaxAge(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for idle, want := range map[time.Duration]int{
			time.Minute:    60,
			4 * time.Hour:  14400,
			24 * time.Hour: 14400,
		} {
			o := usual(b.Addr)
			o.IdleTimeout = idle
			if a := newReplica(t, o).send(webhooktest.NewSID(), ""); a.maxAge != want {
				t.Errorf("with an idle time-out of %v, the cookie lives %d s, want %d", idle, a.maxAge, want)
			}
		}
	})
}
