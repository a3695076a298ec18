package phone_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/phone"
)

func remembering(o *phone.Options) { o.Repeats = 8 }

// counting returns a handler with the bug that the phone must find: it counts a repeat again.
func counting() http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		responds(twiml(fmt.Sprintf("You have %d items.", n.Add(1))))(w, r)
	}
}

// onceBySID returns a handler that calls another one for the first delivery of each message only.
func onceBySID(first, repeat http.HandlerFunc) http.HandlerFunc {
	seen := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request) {
		sid := r.Form.Get("MessageSid")
		if seen[sid] {
			repeat(w, r)
			return
		}
		seen[sid] = true
		first(w, r)
	}
}

func TestRepeat(t *testing.T) {
	image := verbs("<Message><Media>https://a.example/1</Media></Message>")
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // in the finding; "" if there must be none
		isError bool
	}{
		{"a webhook that counts a repeat acts twice", counting(), "got another reply: a resend would act twice. " +
			`The first reply was "You have 1 items.", this one is "You have 2 items."`, true},
		{"a webhook that answers only the repeat acts twice", onceBySID(responds(empty), responds(twiml("hi"))),
			"got another reply", true},
		{"another picture is another reply", onceBySID(image, verbs("<Message><Media>https://a.example/2</Media></Message>")),
			"got another reply", true},
		{"a repeat without a reply is a warning", onceBySID(responds(twiml("hi")), responds(empty)), "got no reply", false},
		{"the same reply is right", responds(twiml("hi")), "", false},
		{"the same picture is right", image, "", false},
		{"no reply is right twice", responds(empty), "", false},
		{"the first reply may come late, after an error", onceBySID(status(500), responds(twiml("hi"))), "", false},
		{"an error is no other reply", onceBySID(responds(twiml("hi")), status(500)), "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPhone(t, at(newWebhook(t, row.handler).URL), remembering)
			first := send(t, p, "add one")
			again := p.Send(t.Context(), first.Message)
			found := ""
			for _, f := range again.Findings {
				if strings.Contains(f.Detail, "The repeat of") {
					found += f.Detail
					if f.Code != 0 || f.Warning == row.isError || !strings.Contains(f.Detail, first.Message.SID) {
						t.Errorf("the finding is %+v", f)
					}
				}
			}
			if again.ActsTwice != row.isError {
				t.Errorf("acts twice: %t", again.ActsTwice)
			}
			if row.want == "" && found != "" || !strings.Contains(found, row.want) {
				t.Errorf("the finding is %q, not %q", found, row.want)
			}
		})
	}
}

func TestRepeatMemory(t *testing.T) {
	isFound := func(p *phone.Phone, m phone.Message) bool { return !p.Send(t.Context(), m).OK() }
	t.Run("a message is forgotten after eight others", func(t *testing.T) {
		p := newPhone(t, at(newWebhook(t, counting()).URL), remembering)
		first := send(t, p, "add one").Message
		for range 7 {
			send(t, p, "add one")
		}
		if !isFound(p, first) {
			t.Error("after seven messages, the repeat is not compared")
		}
		if send(t, p, "add one"); isFound(p, first) {
			t.Error("after eight messages, the repeat is compared")
		}
	})
	t.Run("a message is forgotten after hours", func(t *testing.T) {
		p := newPhone(t, at(newWebhook(t, counting()).URL), remembering)
		m := send(t, p, "add one").Message
		if p.Skip(time.Hour + time.Second); isFound(p, m) {
			t.Error("the repeat is compared with a message of more than an hour ago")
		}
	})
	t.Run("a phone without a memory compares nothing", func(t *testing.T) {
		p := newPhone(t, at(newWebhook(t, counting()).URL))
		if isFound(p, send(t, p, "add one").Message) {
			t.Error("the repeat is compared")
		}
	})
	t.Run("the fallback's reply is not compared", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{
			"/sms":          onceBySID(status(503), responds(twiml("You have 1 item."))),
			"/sms/fallback": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, twiml("Sorry.")) },
		}))
		p := newPhone(t, at(w.URL), withFallback(w.URL), remembering)
		if isFound(p, send(t, p, "add one").Message) {
			t.Error("the repeat is compared with the apology of the fallback")
		}
	})
}
