package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/conversation"
	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

// faulty answers as the tutorial does, unless the text of a message is "break" or "fail".
type faulty struct{ conversation.Counter }

var errFaulty = errors.New("no answer")

func (f faulty) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	switch m.Body {
	case "break":
		panic("a bug")
	case "fail":
		return conversation.State{Counter: 99}, conversation.Text("half an answer"), errFaulty
	}
	return f.Counter.Respond(ctx, s, m)
}

func TestPanic(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = faulty{}
		r := newReplica(t, o)
		cookie := r.send(webhooktest.NewSID(), "").cookie
		conn := redistest.Conn(t, b.Addr)
		before := get(t, conn, "sms:session:"+cookie)
		a := r.deliver(session.Incoming{Message: conversation.Message{SID: webhooktest.NewSID(), From: from, To: to,
			Body: "break"}}, cookie)
		if p, isPanic := errors.AsType[*session.PanicError](a.outcome.Err); !isPanic || p.Value != "a bug" ||
			!strings.Contains(string(p.Stack), "faulty.Respond") {
			t.Errorf("got %#v", a.outcome.Err)
		}
		if now := get(t, conn, "sms:session:"+cookie); now != before {
			t.Errorf("the record became %s", now)
		}
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2)) // the conversation is not blocked
	})
}

func TestResponderThatFails(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = faulty{}
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		fail := session.Incoming{Message: conversation.Message{SID: webhooktest.NewSID(), From: from, To: to,
			Body: "fail"}}
		for _, count := range []int{1, 2} {
			keys, record := keys(t, conn), get(t, conn, "sms:session:"+get(t, conn, pointerKey))
			a := r.deliver(fail, "")
			if !errors.Is(a.outcome.Err, session.ErrResponder) || !errors.Is(a.outcome.Err, errFaulty) ||
				a.outcome.Attempts != 1 {
				t.Errorf("got %v after %d attempts", a.outcome.Err, a.outcome.Attempts)
			}
			if a.status != http.StatusServiceUnavailable || a.cookie != "" || a.outcome.Result != "" {
				t.Errorf("got %d, the cookie %q and the result %q", a.status, a.cookie, a.outcome.Result)
			}
			if now := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); now != record || len(keys) != 2*(count-1) {
				t.Errorf("the keys were %q, and the record became %s", keys, now)
			}
			r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(count))
		}
		fail.Body = "the same message, answered this time"
		r.deliver(fail, "").expect(t, webhooktest.Greeting(3))
	})
}

// notes is a responder that keeps a note in its data, answers in TwiML, and ends the conversation on "bye".
type notes struct{}

func (notes) Respond(_ context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	before := string(s.Data)
	s.Counter++
	s.Data, s.HasEnded = json.RawMessage(fmt.Sprintf(`{"note":%q}`, m.Body)), m.Body == "bye"
	if m.Body == "large" {
		s.Data = json.RawMessage(`"` + strings.Repeat("x", 32<<10) + `"`)
	}
	return s, conversation.Reply{TwiML: fmt.Sprintf("<Response><!-- %d %s --></Response>", s.Counter, before)}, nil
}

func (notes) Recall(int64) conversation.Reply { return conversation.Reply{} }

func TestResponderWithData(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = notes{}
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		say := func(body string) (sid string, a answered) {
			sid = webhooktest.NewSID()
			return sid, r.deliver(session.Incoming{Message: conversation.Message{SID: sid, From: from, To: to,
				Body: body}}, "")
		}
		record := func() string { return get(t, conn, "sms:session:"+get(t, conn, pointerKey)) }

		_, a := say("one")
		a.expect(t, "<Response><!-- 1  --></Response>")
		sid, a := say("two")
		a.expect(t, `<Response><!-- 2 {"note":"one"} --></Response>`)
		if !strings.Contains(record(), `"app":{"note":"two"}`) {
			t.Errorf("the record is %s", record())
		}
		if _, a := say("large"); !errors.Is(a.outcome.Err, session.ErrResponder) {
			t.Errorf("data of more than 32 KiB: %v", a.outcome.Err)
		}
		r.send(sid, "").expect(t, `<Response><!-- 2 {"note":"one"} --></Response>`) // a repeat

		last, a := say("bye")
		if a.expect(t, `<Response><!-- 3 {"note":"two"} --></Response>`); a.outcome.Result != session.Ended {
			t.Errorf("the result is %q", a.outcome.Result)
		}
		if !strings.Contains(record(), `"counter":0,`) || !strings.Contains(record(), `"ended":"`) ||
			strings.Contains(record(), `"app"`) {
			t.Errorf("the ended record is %s", record())
		}
		r.send(last, "").expect(t, `<Response><!-- 3 {"note":"two"} --></Response>`)
		_, a = say("again")
		if a.expect(t, "<Response><!-- 1  --></Response>"); a.outcome.Result != session.Begun {
			t.Errorf("the result is %q", a.outcome.Result)
		}
	})
}
