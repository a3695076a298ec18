package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

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
			r.log.wantPanic(t, "faulty.Respond", "runtime error: index out of range [5] with length 5")
		})
	})
	t.Run("what the sender wrote is not logged", func(t *testing.T) {
		for _, route := range routes {
			for _, text := range []string{"hello", "STOP"} {
				each(t, func(t *testing.T, s *store) {
					r := newReplica(t, s.addr, func(s *settings) {
						s.session.Responder, s.session.CallTimeout, s.server.HasApp = telling{}, 8*time.Second, true
					})
					message(text).to(route).send(r.public).refused(t, http.StatusInternalServerError)
					r.log.wantPanic(t, "telling.Respond", "a string")
					if log := r.log.String(); strings.Contains(log, text) {
						t.Errorf("the log is %s", log)
					}
				})
			}
		}
	})
	t.Run("the message is logged, too, if it happens while it is answered", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			for _, text := range []string{"hello", "HELP"} {
				r.log.text.Reset()
				sent := message(text)
				r.public.ServeHTTP(&brittle{httptest.NewRecorder(), false}, sent.build())
				r.log.wantPanic(t, "brittle", "a string")
				if got := r.log.wantLast(t, "ERROR", "panic")["message_sid"]; got != sent.form.Get("MessageSid") {
					t.Errorf("the log line has the message %v", got)
				}
			}
		})
	})
	t.Run("a handler can abort its connection", func(t *testing.T) {
		r := newReplica(t, nobody)
		h := r.Public(func(routes chi.Router) {
			routes.Get("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		})
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("net/http gets %v", p)
			}
		}()
		get(h, "/abort")
	})
	t.Run("it gets 500, too, if it happens before the session is found", func(t *testing.T) {
		r := newReplica(t, nobody)
		r.Webhook = nil
		message("hello").send(r.Public()).refused(t, http.StatusInternalServerError)
		r.log.wantPanic(t, "Verifier", "runtime error: invalid memory address or nil pointer dereference")
	})
}

// telling is a conversation with a bug whose text is what the sender wrote.
type telling struct{ conversation.Counter }

func (telling) Respond(_ context.Context, _ conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	panic(m.Body)
}

// brittle panics at the first write.
type brittle struct {
	*httptest.ResponseRecorder
	isBroken bool
}

func (b *brittle) Write(p []byte) (int, error) {
	if !b.isBroken {
		b.isBroken = true
		panic("a bug")
	}
	return b.ResponseRecorder.Write(p)
}

// wantPanic fails the test unless one panic is logged, with this value, with a stack that has the frame, and with the
// request_id of the last request.
func (j *journal) wantPanic(t *testing.T, frame, value string) {
	t.Helper()
	all, request := j.lines(t, "panic"), j.wantLast(t, "ERROR", "panic")
	if id, _ := request["request_id"].(string); len(all) != 1 || id == "" || all[0]["request_id"] != id {
		t.Fatalf("the panic has the log lines %v, and its request has %v", all, request)
	}
	stack, _ := all[0]["stack"].(string)
	if all[0]["level"] != "ERROR" || all[0]["value"] != value || !strings.Contains(stack, frame) {
		t.Errorf("the log line is %v", all[0])
	}
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
