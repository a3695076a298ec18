package server_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

// fakeApp answers as the tutorial's conversation, unless the text of the message is in fails. It records the messages
// that it gets.
type fakeApp struct {
	conversation.Counter
	fails map[string]error

	mu  sync.Mutex
	got []conversation.Message
}

func (a *fakeApp) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	a.mu.Lock()
	a.got = append(a.got, m)
	a.mu.Unlock()
	if err := a.fails[m.Body]; err != nil {
		return s, conversation.Reply{}, err
	}
	return a.Counter.Respond(ctx, s, m)
}

// Recall returns nothing, so that every reply is stored, as for an app.
func (*fakeApp) Recall(int64) conversation.Reply { return conversation.Reply{} }

// withApp lets an app answer. It fails for "fail", "wait", and each text in fails.
func withApp(a *fakeApp) func(*settings) {
	if a.fails == nil {
		a.fails = map[string]error{}
	}
	a.fails["fail"], a.fails["wait"] = conversation.Failure{Fault: "timeout"}, conversation.ErrWaited
	return func(s *settings) {
		s.session.Responder, s.session.CallTimeout, s.server.HasApp = a, 8*time.Second, true
	}
}

func TestAppGetsTheRequest(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		own := &fakeApp{}
		r := newReplica(t, s.addr, withApp(own), func(s *settings) {
			s.tokens = []twilio.Token{{Value: "the next one"}, {Value: token}}
		})
		sent := message("naïve + 😀").to("/sms?b=%41&a=").with("MediaUrl0", "https://x/?a=1&b=2").written("%20", "+")
		sent.header.Set("I-Twilio-Idempotency-Token", "abc")
		sent.header.Set("Cookie", "session=1; other=2")
		sent.send(r.public).counts(t, 1)
		message("hello").under("the next one").send(r.public).counts(t, 2)

		got := own.got[0].Webhook
		if got.Form.Encoded() != sent.body || got.Query != "?b=%41&a=" || got.Token != token {
			t.Errorf("it gets %q %q %q", got.Form, got.Query, got.Token)
		}
		header := http.Header(got.Header)
		if header.Get("I-Twilio-Idempotency-Token") != "abc" || header.Get("Cookie") != "session=1; other=2" {
			t.Errorf("it gets the header %v", header)
		}
		if own.got[1].Webhook.Token != "the next one" || own.got[1].Webhook.Query != "" {
			t.Errorf("it gets %+v for another token", own.got[1].Webhook)
		}
	})
	t.Run("without an app, no request is kept", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			own := &fakeApp{}
			message("hello").send(newReplica(t, s.addr, withResponder(own)).public).counts(t, 1)
			if own.got[0].Webhook != nil {
				t.Errorf("the responder gets %+v", own.got[0].Webhook)
			}
		})
	})
}

func TestLoopIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		own := &fakeApp{}
		r, counter := newReplica(t, s.addr, withApp(own), withAccount), newReplica(t, s.addr)
		looped := func(text string) *request {
			request := message(text)
			request.header.Set("Smsession-Attempt", "1") // as the service writes it to its app
			return request
		}
		for _, route := range routes {
			for _, text := range []string{"hello", "STOP", "HELP"} {
				looped(text).to(route).send(r.public).refused(t, http.StatusLoopDetected)
				if line := r.log.wantLast(t, "ERROR", "loop"); line["app_calls"] != nil {
					t.Errorf("the log line of a request without a message is %v", line)
				}
			}
			looped("hello").to(route).signed(noSignature).send(r.public).refused(t, http.StatusForbidden)
		}
		looped("hello").with("AccountSid", otherAccountSID).send(r.public).refused(t, http.StatusLoopDetected)
		s.wantKeys(t, 0)
		if len(own.got) > 0 {
			t.Errorf("the app gets %v", own.got)
		}
		if got := scrape(t, r)[series("/sms/fallback", "loop")]; got != 3 {
			t.Errorf("%v loops are counted, want 3", got)
		}
		looped("hello").send(counter.public).counts(t, 1) // without an app, there is no loop
	})
}
