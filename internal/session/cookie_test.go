package session_test

import (
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

func TestCookieThatLeadsNowhere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		foreign := r.deliver(session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}, "").cookie
		foreignRecord := get(t, conn, "sms:session:"+foreign)
		own := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		for n, cookie := range map[string]string{
			"of another conversation": foreign,
			"that is unknown":         strings.Repeat("A", 43),
			"of 3,000 bytes":          strings.Repeat("A", 3000),
			"of 42 characters":        own[:42],
			"of binary bytes":         "\x00\xff\r" + own[3:],
			"with a glob":             "*" + own[1:],
			"that is empty":           "",
		} {
			t.Run("a cookie "+n+" does not change the session", func(t *testing.T) {
				before := number(r.send(webhooktest.NewSID(), own).text)
				a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(before+1))
				if a.cookie != own {
					t.Errorf("the reply has the token %q, want %q", a.cookie, own)
				}
			})
		}
		if now := get(t, conn, "sms:session:"+foreign); now != foreignRecord {
			t.Error("the record of the other conversation was changed")
		}
		if all := keys(t, conn); len(all) != 4 {
			t.Errorf("the keys are %v, want two sessions", all)
		}
	})
}

func TestFirstMessageWithAForeignCookie(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		foreign := r.deliver(session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}, "").cookie
		if a := r.send(webhooktest.NewSID(), foreign).expect(t, webhooktest.Greeting(1)); a.cookie == foreign {
			t.Error("the session got the token of another conversation")
		}
	})
}
