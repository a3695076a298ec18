package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// faulty is the tutorial's conversation, but "break" meets a bug and "fail" an error.
type faulty struct{ conversation.Counter }

func (f faulty) Respond(ctx context.Context, s conversation.State, m conversation.Message) (conversation.State, conversation.Reply, error) {
	switch m.Body {
	case "break":
		_ = m.Body[len(m.Body)+int(s.Counter)] // past the end
	case "fail":
		return s, conversation.Text("half an answer"), errors.New("no answer")
	}
	return f.Counter.Respond(ctx, s, m)
}

func TestABugGets500AndSavesNothing(t *testing.T) {
	for _, route := range []string{"/sms", "/sms/fallback"} {
		t.Run(route, func(t *testing.T) {
			each(t, func(t *testing.T, addr string, conn redis.Conn) {
				r := newReplica(t, addr, withResponder(faulty{}))
				for range 3 {
					message("break").to(route).send(r.public).refused(t, http.StatusInternalServerError)
				}
				if n := size(t, conn); n != 0 {
					t.Errorf("it left %d keys in Redis", n)
				}
				cookie := message("hello").send(r.public).says(t, tutorial(1))
				if n := size(t, conn); n != 2 {
					t.Errorf("a message that is answered leaves %d keys, want 2", n)
				}
				keys := age(t, conn)
				before := dump(t, conn, keys)
				p := message("break").to(route)
				p.carrying(cookie).send(r.public).refused(t, http.StatusInternalServerError)
				if after := dump(t, conn, keys); after != before {
					t.Errorf("the keys were %s and are %s", before, after)
				}
				for _, key := range keys {
					if left := ttl(t, conn, key); left > time.Hour {
						t.Errorf("%.17s was renewed: it lives for another %v", key, left)
					}
				}
				message("hello").carrying(cookie).send(r.public).says(t, tutorial(2))
			})
		})
	}
}

func TestAResponderThatFails(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, withResponder(faulty{}))
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		keys := age(t, conn)
		before := dump(t, conn, keys)
		p := message("fail")
		p.carrying(cookie).send(r.public).refused(t, http.StatusServiceUnavailable)
		if line := r.log.last(t); line["level"] != "ERROR" || line["result"] != "app_failed" || line["attempts"] != 1.0 {
			t.Errorf("the log line is %v", line)
		}
		p.to("/sms/fallback").send(r.public).says(t, apology)
		if line := r.log.last(t); line["level"] != "ERROR" || line["result"] != "apology" || line["status"] != 200.0 {
			t.Errorf("the log line is %v", line)
		}
		if after := dump(t, conn, keys); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
		message("hello").carrying(cookie).send(r.public).says(t, tutorial(2))
	})
}

func TestABugIsLoggedWithItsStack(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, withResponder(faulty{}))
		a := message("break").send(r.public)
		if strings.Contains(a.body, "out of range") {
			t.Errorf("the sender is told %q", a.body)
		}
		lines := r.log.lines(t, "panic")
		if len(lines) != 1 {
			t.Fatalf("the log has %d lines of the panic, want 1", len(lines))
		}
		stack, _ := lines[0]["stack"].(string)
		if lines[0]["level"] != "ERROR" || !strings.Contains(stack, "faulty.Respond") {
			t.Errorf("the log line is %v", lines[0])
		}
		if line := r.log.last(t); line["result"] != "panic" || line["status"] != 500.0 || line["level"] != "ERROR" {
			t.Errorf("the request's line is %v", line)
		}
	})
}

func TestABugBeforeTheSessionGets500(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	r.Webhook = nil
	message("hello").send(r.Public()).refused(t, http.StatusInternalServerError)
	if lines := r.log.lines(t, "panic"); len(lines) != 1 {
		t.Errorf("the log has %d lines of the panic, want 1", len(lines))
	}
}
