package session_test

import (
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
)

// older makes every key older: the embedded Redis moves its clock, the real one shortens every time to live.
func older(b *redistest.Backend, d time.Duration) {
	if b.Advance != nil {
		b.Advance(d)
		return
	}
	b.Server.Age(d)
}

func TestSessionEndsFourHoursAfterTheLastMessage(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		for n := 2; n <= 4; n++ { // every message renews it
			older(b, 3*time.Hour+59*time.Minute)
			a := r.send(newSID(), cookie).expect(t, greeting(n))
			if a.maxAge != 14400 {
				t.Errorf("the cookie lives %d s, want 14400", a.maxAge)
			}
			expectTTL(t, conn, cookie, 4*time.Hour)
		}
		older(b, 4*time.Hour+time.Second)
		if all := keys(t, conn); len(all) != 0 {
			t.Fatalf("the keys %v outlive the session", all)
		}
		if a := r.send(newSID(), cookie).expect(t, greeting(1)); a.cookie == cookie {
			t.Error("the token of an expired session was adopted")
		}
	})
}

// expectTTL wants the record and the pointer to live as long as each other.
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
		sid := newSID()
		cookie := r.send(sid, "").cookie
		before := get(t, conn, "sms:session:"+cookie)
		older(b, 3*time.Hour)
		r.send(sid, cookie).expect(t, greeting(1))
		expectTTL(t, conn, cookie, 4*time.Hour)
		if now := get(t, conn, "sms:session:"+cookie); now != before {
			t.Errorf("the record became %s", now)
		}
	})
}

func TestEndedSessionLivesOnForRepeatsNoLongerThanAnyOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		older(b, time.Hour)
		r.stop(newSID(), cookie)
		expectTTL(t, conn, cookie, 4*time.Hour)
		older(b, 4*time.Hour+time.Second)
		if all := keys(t, conn); len(all) != 0 {
			t.Errorf("the keys %v outlive the session", all)
		}
	})
}

// Real time passes here: the absolute cap goes by the clock of the service.
func TestAbsoluteCapEndsASessionHoweverBusy(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Lifetime = 2 * time.Second
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		start := time.Now()
		first := r.send(newSID(), "").expect(t, greeting(1)).cookie
		n, cookie := 1, first
		for time.Since(start) < 10*time.Second {
			a := r.send(newSID(), cookie)
			if a.cookie != first {
				a.expect(t, greeting(1))
				if lived := time.Since(start); lived < o.Lifetime {
					t.Fatalf("the session lived %v, want %v", lived, o.Lifetime)
				}
				break
			}
			n++
			a.expect(t, greeting(n))
			if ttl := do(t, conn, "PTTL", pointerKey).(int64); ttl > o.Lifetime.Milliseconds() {
				t.Fatalf("the pointer lives %d ms, past the deadline", ttl)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n < 3 || n > 100 {
			t.Errorf("the session had %d messages", n)
		}
		time.Sleep(o.Lifetime + 100*time.Millisecond)
		if all := keys(t, conn); len(all) != 0 {
			t.Errorf("the keys %v outlive the sessions", all)
		}
	})
}

func TestNewBeginningInAnEndedSessionHasANewDeadline(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Lifetime = 2 * time.Hour
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		cookie := r.send(newSID(), "").cookie
		o.Lifetime = 3 * time.Hour // another replica's, so that the new deadline can be told from the old
		other := newReplica(t, o)
		other.send(newSID(), cookie).expect(t, greeting(2))
		expectTTL(t, conn, cookie, 2*time.Hour)
		other.stop(newSID(), cookie)
		other.send(newSID(), cookie).expect(t, greeting(1))
		expectTTL(t, conn, cookie, 3*time.Hour)
	})
}

func TestCookieLivesAsLongAsTheSessionAndNoLongerThanTwilioKeepsIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for idle, want := range map[time.Duration]int{
			time.Minute:    60,
			4 * time.Hour:  14400,
			24 * time.Hour: 14400,
		} {
			o := usual(b.Addr)
			o.IdleTimeout = idle
			if a := newReplica(t, o).send(newSID(), ""); a.maxAge != want {
				t.Errorf("with an idle timeout of %v the cookie lives %d s, want %d", idle, a.maxAge, want)
			}
		}
	})
}
