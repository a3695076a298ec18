package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/webhooktest"
)

// calls returns how often the app was called for messages with this text.
func (a *fakeApp) calls(text string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.got {
		if m.Body == text {
			n++
		}
	}
	return n
}

func TestAppFails(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		own := &fakeApp{}
		r := newReplica(t, s.addr, withApp(own))
		cookie := message("hello").send(r.public).counts(t, 1)
		line := r.log.wantLast(t, "INFO", "begun")
		if line["app_calls"] != 1.0 || line["app_ms"].(float64) < 0 || line["app_fault"] != nil {
			t.Errorf("the log line is %v", line)
		}
		before := s.withoutTurn(t)
		own.fails["refuse"] = conversation.Failure{Fault: "status", Status: 403}
		for _, row := range []struct {
			text, result, fault string
			status              any
			err                 string
		}{
			{"fail", "app_failed", "timeout", nil, "the app did not answer (timeout)"},
			{"refuse", "app_failed", "status", 403.0, "the app answered 403 (status)"},
			{"wait", "waited", "", nil, "the app could not be called in time"},
		} {
			failing := message(row.text).carrying(cookie)
			failing.send(r.public).refused(t, http.StatusServiceUnavailable)
			wantFault(t, r.log.wantLast(t, "ERROR", row.result), row.fault, row.status, row.err)
			failing.to("/sms/fallback").send(r.public).says(t, apology)
			wantFault(t, r.log.wantLast(t, "ERROR", "apology"), row.fault, row.status, row.err)
		}
		if after := s.withoutTurn(t); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
		again := message("hello").carrying(cookie)
		again.send(r.public).counts(t, 2)
		again.send(r.public).counts(t, 2)
		if line := r.log.wantLast(t, "INFO", "repeated"); line["app_calls"] != 0.0 || line["app_ms"] != 0.0 {
			t.Errorf("the log line of a repeat is %v", line)
		}
	})
	t.Run("without an app, a log line does not have its fields", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			message("hello").send(r.public)
			for name := range r.log.wantLast(t, "INFO", "begun") {
				if strings.HasPrefix(name, "app_") {
					t.Errorf("it has %s", name)
				}
			}
		})
	})
}

// withoutTurn waits until the turn of the last message has been released, and returns both keys of the conversation.
func (s *store) withoutTurn(t *testing.T) string {
	t.Helper()
	webhooktest.Wait(t, "the turn to be released", func() bool { return s.do(t, "DBSIZE") == int64(2) })
	return s.snapshot(t)
}

// wantFault fails the test unless the line of a message has this fault, this status or none, and this error.
func wantFault(t *testing.T, got line, fault string, status any, text string) {
	t.Helper()
	if is, _ := got["app_fault"].(string); is != fault || got["app_status"] != status || got["error"] != text {
		t.Errorf("the log line is %v, want the fault %q, the status %v and the error %q", got, fault, status, text)
	}
}

func TestKeywordsWithApp(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		own := &fakeApp{}
		r := newReplica(t, s.addr, withApp(own))
		message("hello").send(r.public).counts(t, 1)
		for i, word := range []string{"START", "HELP"} {
			sent := message(word)
			for range 2 { // a repeat gets no reply either, and no call
				sent.send(r.public).saysNothing(t)
			}
			if own.calls(word) != 1 {
				t.Errorf("the app got %s %d times, want once", word, own.calls(word))
			}
			message("hello").send(r.public).counts(t, 2*i+3) // the word was counted
		}
		message("STOP").send(r.public).saysNothing(t)
		r.log.wantLast(t, "INFO", "ended")
		if own.calls("STOP") != 1 {
			t.Errorf("the app got STOP %d times, want once", own.calls("STOP"))
		}
		message("hello").send(r.public).counts(t, 1)
	})
	t.Run("START and HELP get no apology if the app fails", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			for _, fails := range []error{conversation.Failure{Fault: "status"}, conversation.ErrWaited} {
				own := &fakeApp{fails: map[string]error{"START": fails, "HELP": fails, "AYUDA": fails}}
				r := newReplica(t, s.addr, withApp(own))
				for _, sent := range []*request{
					message("START"), message("HELP"), message("AYUDA").with("OptOutType", "HELP"),
				} {
					sent.send(r.public).refused(t, http.StatusServiceUnavailable)
					sent.to("/sms/fallback").send(r.public).saysNothing(t)
					r.log.wantLast(t, "ERROR", "keyword_failed")
				}
				s.keys(t, "sms:session:*", 0)
			}
		})
	})
	t.Run("STOP ends the session although the app fails", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			own := &fakeApp{fails: map[string]error{"STOP": conversation.Failure{Fault: "status", Status: 500}}}
			r := newReplica(t, s.addr, withApp(own))
			message("hello").send(r.public).counts(t, 1)
			stop := message("STOP")
			stop.send(r.public).refused(t, http.StatusServiceUnavailable)
			wantFault(t, r.log.wantLast(t, "ERROR", "app_failed"), "status", 500.0, "the app answered 500 (status)")
			stop.to("/sms/fallback").send(r.public).saysNothing(t)
			line := r.log.wantLast(t, "INFO", "ended")
			if line["app_fault"] != "status" || line["app_status"] != 500.0 || line["error"] != nil {
				t.Errorf("the log line is %v, want the fault that was suppressed", line)
			}
			if own.calls("STOP") != 2 {
				t.Errorf("the app got STOP %d times, want 2", own.calls("STOP"))
			}
			message("hello").send(r.public).counts(t, 1)
		})
	})
	t.Run("no keyword gets an apology while Redis is away", func(t *testing.T) {
		r := newReplica(t, nobody, withApp(&fakeApp{}), withBudget(50*time.Millisecond))
		for _, word := range []string{"STOP", "START", "HELP"} {
			message(word).to("/sms/fallback").send(r.public).saysNothing(t)
			r.log.wantLast(t, "ERROR", "keyword_failed")
		}
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
	})
}

// TestAppSecretsAreNotLogged lets an app fail with errors that contain everything that must not be logged.
func TestAppSecretsAreNotLogged(t *testing.T) {
	const words = "xyzzy-plugh" // the sender's words, a cookie, data and a query
	quoting := func(err error) error {
		const format = `POST "http://bot/sms?key=%[1]s": %[2]w: Set-Cookie "a=%[1]s" {"data":{"x":"%[1]s"}}`
		return fmt.Errorf(format, words, err)
	}
	own := &fakeApp{fails: map[string]error{
		words:  quoting(conversation.Failure{Fault: "cookies", Status: 200}),
		"STOP": quoting(conversation.Failure{Fault: "not_twiml", Status: 200}),
		"HELP": quoting(conversation.ErrWaited), "break": quoting(errors.New(words)),
	}}
	sendAll := func(t *testing.T, r *replica) {
		for _, text := range []string{words, "STOP", "HELP", "break", "hello"} {
			for _, route := range routes {
				sent := message(text).with("Words", words).to(route + "?key=" + words)
				sent.header.Set("Cookie", "session="+words)
				sent.send(r.public)
			}
		}
	}
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withApp(own))
		sendAll(t, r)
		log := r.log.String()
		if strings.Contains(log, words) {
			t.Errorf("the log contains what must not be logged:\n%s", log)
		}
		for _, has := range []string{`"app_fault":"cookies","app_status":200`, `"app_fault":"not_twiml"`,
			`"waited"`, `"app_failed"`, `"keyword_failed"`, `"apology"`, `"error":"responder failed"`} {
			if !strings.Contains(log, has) {
				t.Errorf("the log does not contain %s, so the test has not looked at everything:\n%s", has, log)
			}
		}
		for name := range scrape(t, r) {
			if strings.Contains(name, words) {
				t.Errorf("the metrics contain %s", name)
			}
		}
	})
	t.Run("a log with the texts of errors contains them", func(t *testing.T) { // otherwise, the test could not fail
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, withResponder(own))
			sendAll(t, r)
			if log := r.log.String(); !strings.Contains(log, words) {
				t.Errorf("the log is %s", log)
			}
		})
	})
}

// TestAppSeries checks the metrics that a server has only with an app.
func TestAppSeries(t *testing.T) {
	const count = "smsession_app_turn_wait_seconds_count"
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withApp(&fakeApp{}))
		before := scrape(t, r)
		if value, found := before[count]; !found || value != 0 {
			t.Errorf("%s is %v (%t) before the first message", count, value, found)
		}
		first := message("hello")
		first.send(r.public).counts(t, 1)
		for _, text := range []string{"fail", "wait", "HELP", "STOP", "hello"} {
			message(text).send(r.public)
		}
		unsigned().send(r.public)
		after := scrape(t, r)
		if after[count] != 6 {
			t.Errorf("%s is %v after 6 messages and a stranger", count, after[count])
		}
		for name := range after {
			if _, found := before[name]; !found {
				t.Errorf("%s is new", name)
			}
		}
		names := func(page map[string]float64) (own []string) {
			for name := range page {
				if strings.HasPrefix(name, "smsession_app_") {
					own = append(own, name)
				}
			}
			return own
		}
		if own := names(scrape(t, newReplica(t, s.addr))); !slices.Equal(own, nil) {
			t.Errorf("without an app, there are %v", own)
		}
	})
}
