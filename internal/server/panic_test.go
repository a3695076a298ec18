package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/conversation"
)

// faulty is the tutorial's conversation, with a bug for "break" and an error for "fail".
type faulty struct{ conversation.Counter }

func (f faulty) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	switch m.Body {
	case "break":
		_ = m.Body[len(m.Body)+int(s.Counter)] // past the end
	case "fail":
		return s, conversation.Text("half an answer"), errors.New("no answer")
	}
	return f.Counter.Respond(ctx, s, m)
}

func TestPanic(t *testing.T) {
	for _, route := range routes {
		t.Run("it gets 500 and saves nothing at "+route, func(t *testing.T) {
			each(t, func(t *testing.T, s *store) {
				r := newReplica(t, s.addr, withResponder(faulty{}))
				for range 3 {
					message("break").to(route).send(r.public).refused(t, http.StatusInternalServerError)
				}
				s.wantKeys(t, 0)
				cookie := message("hello").send(r.public).counts(t, 1)
				s.wantKeys(t, 2)
				s.expireSoon(t)
				before := s.snapshot(t)
				message("break").to(route).carrying(cookie).send(r.public).refused(t, http.StatusInternalServerError)
				if after := s.snapshot(t); after != before {
					t.Errorf("the keys were %s and are %s", before, after)
				}
				s.wantRenewed(t, false)
				message("hello").carrying(cookie).send(r.public).counts(t, 2)
			})
		})
	}
	t.Run("it is logged with its stack, which the sender does not get", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, withResponder(faulty{}))
			if a := message("break").send(r.public); strings.Contains(a.Body, "out of range") {
				t.Errorf("the reply is %q", a.Body)
			}
			line := r.log.wantPanic(t)
			stack, _ := line["stack"].(string)
			if line["level"] != "ERROR" || !strings.Contains(stack, "faulty.Respond") {
				t.Errorf("the log line is %v", line)
			}
		})
	})
	t.Run("it gets 500, too, if it happens before the session is found", func(t *testing.T) {
		r := newReplica(t, nobody)
		r.Webhook = nil
		message("hello").send(r.Public()).refused(t, http.StatusInternalServerError)
		r.log.wantPanic(t)
	})
}

// wantPanic fails the test unless one panic is logged, with the request_id of the last request. It returns the line of
// the panic.
func (j *journal) wantPanic(t *testing.T) line {
	t.Helper()
	all, request := j.lines(t, "panic"), j.wantLast(t, "ERROR", "panic")
	if id, _ := request["request_id"].(string); len(all) != 1 || id == "" || all[0]["request_id"] != id {
		t.Fatalf("the panic has the log lines %v, and its request has %v", all, request)
	}
	return all[0]
}

func TestResponderFails(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withResponder(faulty{}))
		cookie := message("hello").send(r.public).counts(t, 1)
		s.expireSoon(t)
		before := s.snapshot(t)
		failing := message("fail").carrying(cookie)
		failing.send(r.public).refused(t, http.StatusServiceUnavailable)
		if line := r.log.wantLast(t, "ERROR", "app_failed"); line["attempts"] != 1.0 {
			t.Errorf("the log line is %v, want one attempt", line)
		}
		failing.to("/sms/fallback").send(r.public).says(t, apology)
		r.log.wantLast(t, "ERROR", "apology")
		if after := s.snapshot(t); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
		message("hello").carrying(cookie).send(r.public).counts(t, 2)
	})
}
