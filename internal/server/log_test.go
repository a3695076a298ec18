package server_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"smsession/internal/conversation"
	"smsession/internal/webhooktest"
)

func TestLogLine(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount, withResponder(faulty{}))
		cookie := message("hello").send(r.public).counts(t, 1)
		repeated := message("hello")
		for _, row := range []struct {
			name       string
			request    *request
			level      string
			status     float64
			result     string
			hasMessage bool // the signature was verified and the message was read
		}{
			{"the first message", message("hello").with("From", "+12025550199"), "INFO", 200, "begun", true},
			{"a further message", repeated, "INFO", 200, "continued", true},
			{"a repeat", repeated.again(), "INFO", 200, "repeated", true},
			{"HELP", message("HELP"), "INFO", 200, "help", true},
			{"START", message("START"), "INFO", 200, "start", true},
			{"STOP", message("STOP"), "INFO", 200, "ended", true},
			{"a message at the fallback URL", message("hello").to("/sms/fallback"), "INFO", 200, "begun", true},
			{"a bug", message("break"), "ERROR", 500, "panic", true},
			{"a message without a signature", message("hello").signed(noSignature), "WARN", 403, "bad_signature", false},
			{"a message of another account", message("hello").with("AccountSid", "AC1"), "WARN", 403, "other_account", false},
			{"a message without a From", message("hello").with("From"), "INFO", 400, "bad_fields", false},
			{"a broken form", message("a%b").written("%25", "%"), "INFO", 400, "bad_form", false},
			{"a body that is not a form", message("hello").typed("text/plain"), "INFO", 415, "not_form", false},
			{"a large body", message(strings.Repeat("x", 64<<10)), "INFO", 413, "too_large", false},
			{"another method", message("hello").as("PUT"), "INFO", 405, "not_post", false},
		} {
			t.Run("it describes "+row.name, func(t *testing.T) {
				before := len(r.log.lines(t, "request"))
				row.request.carrying(cookie).send(r.public)
				if got := len(r.log.lines(t, "request")) - before; got != 1 {
					t.Fatalf("the request has %d lines, want 1", got)
				}
				line := r.log.wantLast(t, row.level, row.result)
				if line["status"] != row.status || line["path"] != row.request.target {
					t.Errorf("the line is %v, want the status %v", line, row.status)
				}
				if ms, ok := line["duration_ms"].(float64); !ok || ms < 0 {
					t.Errorf("duration_ms = %v", line["duration_ms"])
				}
				for _, key := range []string{"message_sid", "from", "to", "attempts"} {
					if _, has := line[key]; has != row.hasMessage {
						t.Errorf("the line has %s: %v, want %v", key, has, row.hasMessage)
					}
				}
				if row.hasMessage && line["message_sid"] != row.request.form.Get("MessageSid") {
					t.Errorf("message_sid = %v, want %s", line["message_sid"], row.request.form.Get("MessageSid"))
				}
			})
		}
		t.Run("each line has its own request_id", func(t *testing.T) {
			var ids []string
			for _, line := range r.log.lines(t, "request") {
				id, _ := line["request_id"].(string)
				if id == "" || slices.Contains(ids, id) {
					t.Errorf("request_id %q is empty or not unique", id)
				}
				ids = append(ids, id)
			}
		})
	})
	t.Run("two replicas give different request_ids", func(t *testing.T) {
		one, other := newReplica(t, nobody), newReplica(t, nobody)
		message("HELP").send(one.public)
		message("HELP").send(other.public)
		a, b := one.log.wantLast(t, "INFO", "help")["request_id"], other.log.wantLast(t, "INFO", "help")["request_id"]
		if a == b {
			t.Errorf("both are %v", a)
		}
	})
	t.Run("it has the number of attempts and masked phone numbers", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			message("hello").send(r.public)
			if line := r.log.wantLast(t, "INFO", "begun"); line["attempts"] != 1.0 || line["from"] != "+1202•••0143" ||
				line["to"] != "+1500•••0006" {
				t.Errorf("the line is %v", line)
			}
			message("HELP").send(r.public)
			if line := r.log.wantLast(t, "INFO", "help"); line["attempts"] != 0.0 {
				t.Errorf("the line is %v, want no attempt", line)
			}
		})
	})
	t.Run("it is a warning if the limit of replies is reached, but not for a repeat", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, func(s *settings) { s.session.MaxReplies = 1 })
			message("hello").send(r.public).counts(t, 1)
			limited := message("hello")
			limited.send(r.public).saysNothing(t)
			if line := r.log.wantLast(t, "WARN", "guarded"); line["status"] != 200.0 {
				t.Errorf("the line is %v", line)
			}
			limited.send(r.public).saysNothing(t)
			r.log.wantLast(t, "INFO", "repeated")
		})
	})
	t.Run("health and unknown paths are logged for debugging only", func(t *testing.T) {
		r := newReplica(t, nobody)
		get(r.public, "/healthz")
		if line := r.log.wantLast(t, "DEBUG", "alive"); line["path"] != "/healthz" {
			t.Errorf("the line is %v", line)
		}
		get(r.public, "/nothing")
		r.log.wantLast(t, "DEBUG", "not_found")
		serve(r.public, httptest.NewRequest("POST", "/smsx", nil)) // strangers choose such paths
		r.log.wantLast(t, "DEBUG", "not_found")
	})
}

// The test puts texts that must not be logged into every part of a request that could reach the log.
func TestLogSecrets(t *testing.T) {
	const (
		words    = "xyzzy-plugh"
		unsigned = "frobozz"
	)
	eachInBubble(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withResponder(faulty{}))
		cookie := message(words).send(r.public).counts(t, 1)
		bad := message(unsigned).with("From", unsigned).with("MessageSid", unsigned).with(unsigned,
			unsigned).to("/sms?" + unsigned).signed(unsigned)
		bad.header.Set("User-Agent", unsigned)
		bad.host = unsigned
		wrong := message(words)
		wrong.signature = webhooktest.Sign("other", publicURL, wrong.form)
		for _, request := range []*request{
			message(words), message("break").with("Words", words), message("STOP").with("Words",
				words), message("HELP").with("Words", words),
			message(words).to("/sms/fallback"), message(words).to("/sms?" + words), message(words).with("From",
				"").with("To", words),
			message(words+"%").written("%25", "%"), message(words).typed("text/" + words), bad, wrong,
		} {
			request.carrying(cookie).send(r.public)
		}
		// A record that cannot be read, and a Redis that answers with an error.
		s.do(t, "SET", s.record(t), "{"+words)
		message(words).send(r.public).counts(t, 1)
		r.pool.Close()
		message(words).send(r.public).refused(t, http.StatusServiceUnavailable)

		log := r.log.String()
		for name, secret := range map[string]string{
			"the sender's words":    words,
			"an unsigned form":      unsigned,
			"the session's token":   cookie,
			"Twilio's auth token":   token,
			"the sender's number":   sender.From,
			"our number":            sender.To,
			"a signature":           wrong.signature,
			"the SID of an account": accountSID,
		} {
			if strings.Contains(log, strings.TrimPrefix(secret, "+")) {
				t.Errorf("the log contains %s:\n%s", name, log)
			}
		}
		for _, result := range []string{"bad_signature", "begun", "panic", "quarantine", "unavailable", "help",
			"not_form"} {
			if !strings.Contains(log, result) {
				t.Errorf("the log does not contain %q, so the test has not looked at everything:\n%s", result, log)
			}
		}
	})
	t.Run("a log without these precautions contains them", func(t *testing.T) { // otherwise, the test could not fail
		r := newReplica(t, nobody)
		r.Logger.Info("request", "form", message(words).form.Encode(), "from", conversation.Mask(sender.From))
		if log := r.log.String(); !strings.Contains(log, words) ||
			!strings.Contains(log, strings.TrimPrefix(sender.From, "+")) {
			t.Errorf("the log is %s", log)
		}
	})
}
