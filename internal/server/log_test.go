package server_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

func TestEveryRequestIsOneLine(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, withAccount, withResponder(faulty{}))
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		r.log.text.Reset()
		repeated := message("hello")
		unsigned := message("hello")
		unsigned.signature = "none"
		put := message("hello")
		put.method = "PUT"
		for _, row := range []struct {
			name   string
			post   *post
			level  string
			status float64
			result string
			known  bool // the signature was verified and the message read
		}{
			{"the first message", message("hello").with("From", "+12025550199"), "INFO", 200, "begun", true},
			{"a further one", repeated, "INFO", 200, "continued", true},
			{"a repeat", repeated.again(), "INFO", 200, "repeated", true},
			{"HELP", message("HELP"), "INFO", 200, "help", true},
			{"START", message("START"), "INFO", 200, "start", true},
			{"STOP", message("STOP"), "INFO", 200, "ended", true},
			{"at the fallback URL", message("hello").to("/sms/fallback"), "INFO", 200, "begun", true},
			{"a bug", message("break"), "ERROR", 500, "panic", true},
			{"no signature", unsigned, "WARN", 403, "bad_signature", false},
			{"another account", message("hello").with("AccountSid", "AC1"), "WARN", 403, "other_account", false},
			{"no From", message("hello").with("From"), "INFO", 400, "bad_fields", false},
			{"a broken form", raw(message("a%b"), "%25", "%"), "INFO", 400, "bad_form", false},
			{"not a form", withType(message("hello"), "text/plain"), "INFO", 415, "not_form", false},
			{"a large body", message(strings.Repeat("x", 64<<10)), "INFO", 413, "too_large", false},
			{"another method", put, "INFO", 405, "not_post", false},
		} {
			t.Run(row.name, func(t *testing.T) {
				before := len(r.log.lines(t, "request"))
				row.post.carrying(cookie).send(r.public)
				if got := len(r.log.lines(t, "request")) - before; got != 1 {
					t.Fatalf("it has %d lines, want 1", got)
				}
				line := r.log.last(t)
				if line["level"] != row.level || line["status"] != row.status || line["result"] != row.result || line["path"] != row.post.target {
					t.Errorf("the line is %v, want %s, %v, %s", line, row.level, row.status, row.result)
				}
				if ms, ok := line["duration_ms"].(float64); !ok || ms < 0 || ms > 60_000 {
					t.Errorf("duration_ms = %v", line["duration_ms"])
				}
				for _, key := range []string{"message_sid", "from", "to", "attempts"} {
					if _, has := line[key]; has != row.known {
						t.Errorf("the line has %s: %v, want %v", key, has, row.known)
					}
				}
				if row.known && line["message_sid"] != row.post.form.Get("MessageSid") {
					t.Errorf("message_sid = %v, want %s", line["message_sid"], row.post.form.Get("MessageSid"))
				}
			})
		}
		var ids []string
		for _, line := range r.log.lines(t, "request") {
			id, _ := line["request_id"].(string)
			if id == "" || slices.Contains(ids, id) {
				t.Errorf("request_id %q is empty or not unique", id)
			}
			ids = append(ids, id)
		}
	})
}

func TestTheLogCountsAttempts(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr)
		message("hello").send(r.public)
		if line := r.log.last(t); line["attempts"] != 1.0 || line["from"] != "+1202•••0143" || line["to"] != "+1500•••0006" {
			t.Errorf("the line is %v, want one attempt, and the numbers masked", line)
		}
		message("HELP").send(r.public)
		if line := r.log.last(t); line["attempts"] != 0.0 {
			t.Errorf("the line is %v, want no attempt", line)
		}
	})
}

func TestAMessageThatGetsNoReplyBecauseOfTheLimitIsAWarning(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, func(s *settings) { s.session.MaxReplies = 1 })
		message("hello").send(r.public).says(t, tutorial(1))
		p := message("hello")
		p.send(r.public).saysNothing(t)
		if line := r.log.last(t); line["level"] != "WARN" || line["result"] != "guarded" || line["status"] != 200.0 {
			t.Errorf("the line is %v", line)
		}
		p.send(r.public).saysNothing(t)
		if line := r.log.last(t); line["level"] != "INFO" || line["result"] != "repeated" {
			t.Errorf("the line of the repeat is %v", line)
		}
	})
}

func TestTwoReplicasGiveNoRequestTheSameID(t *testing.T) {
	one, other := newReplica(t, "127.0.0.1:1"), newReplica(t, "127.0.0.1:1")
	message("HELP").send(one.public)
	message("HELP").send(other.public)
	if a, b := one.log.last(t)["request_id"], other.log.last(t)["request_id"]; a == b {
		t.Errorf("both are %v", a)
	}
}

// It puts what must not be logged into every place from which it could get there.
func TestTheLogHoldsNoSecretAndNothingOfTheSenders(t *testing.T) {
	const (
		words    = "xyzzy-plugh"
		unsigned = "frobozz"
	)
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, withResponder(faulty{}), withBudget(100*time.Millisecond))
		cookie := message(words).send(r.public).says(t, tutorial(1))
		bad := message(unsigned).with("From", unsigned).with("MessageSid", unsigned).with(unsigned, unsigned).to("/sms?" + unsigned)
		bad.header.Set("User-Agent", unsigned)
		bad.host = unsigned
		bad.signature = unsigned
		wrong := message(words)
		wrong.signature = sign("other", publicURL, wrong.form)
		for _, p := range []*post{
			message(words), message("break").with("Words", words), message("STOP").with("Words", words), message("HELP").with("Words", words),
			message(words).to("/sms/fallback"), message(words).to("/sms?" + words), message(words).with("From", "").with("To", words),
			raw(message(words+"%"), "%25", "%"), withType(message(words), "text/"+words), bad, wrong,
		} {
			p.carrying(cookie).send(r.public)
		}
		// A record that cannot be read, and a Redis that answers with an error.
		record, _ := conversationKeys(t, conn)
		do(t, conn, "SET", record, "{"+words)
		message(words).send(r.public).says(t, tutorial(1))
		r.pool.Close()
		message(words).send(r.public).refused(t, http.StatusServiceUnavailable)

		log := r.log.String()
		for name, secret := range map[string]string{
			"the sender's words":        words,
			"a form that is not signed": unsigned,
			"the session's token":       cookie,
			"Twilio's auth token":       token,
			"the sender's number":       from,
			"our number":                to,
			"a signature":               wrong.signature,
			"the account":               accountSID,
		} {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds %s:\n%s", name, log)
			}
			if strings.Contains(log, strings.TrimPrefix(secret, "+")) {
				t.Errorf("the log holds %s without its plus sign", name)
			}
		}
		// It has been looked at what is logged, not at nothing.
		for _, word := range []string{"bad_signature", "begun", "panic", "quarantine", "unavailable", "help", "not_form"} {
			if !strings.Contains(log, word) {
				t.Errorf("the log does not hold %q:\n%s", word, log)
			}
		}
	})
}

// What the suite looks for is found where it is logged.
func TestACarelessLogIsSeenThrough(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	r.Logger.Info("request", "form", message("xyzzy-plugh").form.Encode(), "from", conversation.Mask(from))
	if log := r.log.String(); !strings.Contains(log, "xyzzy-plugh") || !strings.Contains(log, strings.TrimPrefix(from, "+")) {
		t.Errorf("the log is %s", log)
	}
}

func TestHealthIsLoggedForDebuggingOnly(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	get(r.public, "/healthz")
	if line := r.log.last(t); line["level"] != "DEBUG" || line["path"] != "/healthz" {
		t.Errorf("the line is %v", line)
	}
	get(r.public, "/nothing")
	if line := r.log.last(t); line["level"] != "DEBUG" || line["result"] != "not_found" {
		t.Errorf("the line is %v", line)
	}
	serve(r.public, httptest.NewRequest("POST", "/smsx", nil)) // strangers choose such paths
	if line := r.log.last(t); line["level"] != "DEBUG" || line["result"] != "not_found" {
		t.Errorf("the line is %v", line)
	}
}
