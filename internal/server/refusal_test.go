package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount)
		for _, route := range routes {
			for _, row := range refusals() {
				t.Run(route+"/"+row.name, func(t *testing.T) {
					request := message("hello").to(route)
					row.spoil(request)
					a := request.send(r.public)
					if request.method == "HEAD" {
						a.Body = "No sentence."
					}
					a.refused(t, row.status)
					if got, want := a.Header.Get("Allow"), map[int]string{405: "POST"}[row.status]; got != want {
						t.Errorf("Allow = %q, want %q", got, want)
					}
					s.wantKeys(t, 0)
				})
			}
		}
		// Without a fault, the message is accepted and leaves keys in Redis.
		message("hello").send(r.public).counts(t, 1)
		s.wantKeys(t, 2)
	})
}

// fault is a fault of a request, and the status of the answer.
type fault struct {
	name   string
	spoil  func(r *request)
	status int
	word   string // of the sentence, where two faults have the same status
}

func refusals() []fault {
	long := func(n int) string { return strings.Repeat("x", n) }
	method := func(m string) func(*request) { return func(r *request) { r.as(m) } }
	typed := func(contentType string) func(*request) { return func(r *request) { r.typed(contentType) } }
	encoded := func(encoding string) func(*request) {
		return func(r *request) { r.header.Set("Content-Encoding", encoding) }
	}
	signed := func(signature string) func(*request) { return func(r *request) { r.signed(signature) } }
	with := func(name string, values ...string) func(*request) {
		return func(r *request) { r.with(name, values...) }
	}
	// changed signs the request before the change.
	changed := func(change func(r *request)) func(*request) {
		return func(r *request) { r.signed(r.sign()); change(r) }
	}
	body := func(change func(form string) string) func(*request) {
		return changed(func(r *request) { r.body = change(r.form.Encode()) })
	}
	return []fault{
		{"GET gets 405", method("GET"), 405, ""},
		{"HEAD gets 405", method("HEAD"), 405, ""},
		{"PUT gets 405", method("PUT"), 405, ""},
		{"DELETE gets 405", method("DELETE"), 405, ""},
		{"OPTIONS gets 405", method("OPTIONS"), 405, ""},
		{"TRACE gets 405", method("TRACE"), 405, ""},
		{"an unknown method gets 405", method("PURGE"), 405, ""},
		{"a method in lower case gets 405", method("post"), 405, ""},

		{"JSON gets 415", typed("application/json"), 415, ""},
		{"a multipart form gets 415", typed("multipart/form-data; boundary=x"), 415, ""},
		{"plain text gets 415", typed("text/plain"), 415, ""},
		{"no content type gets 415", typed(""), 415, ""},
		{"a malformed content type gets 415", typed("application/x-www-form-urlencoded; ="), 415, ""},
		{"a compressed form gets 415", encoded("gzip"), 415, ""},

		{"a body of over 64 KiB gets 413", with("Body", long(64<<10)), 413, ""},

		{"a broken escape gets 400", body(func(form string) string { return strings.Replace(form, "Body=hello", "Body=%", 1) }), 400, ""},
		{"half an escape at the end gets 400", body(func(form string) string { return form + "&x=%4" }), 400, ""},
		{"a broken escape in a name gets 400", body(func(form string) string { return form + "&%zz=1" }), 400, ""},

		{"no signature gets 403", signed("none"), 403, ""},
		{"a wrong signature gets 403", signed("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 403, ""},
		{"a signature that is not base64 gets 403", signed("?"), 403, ""},
		{"a signature under another token gets 403", func(r *request) { r.under("other") }, 403, ""},
		{"a signature under no token gets 403", func(r *request) { r.under("") }, 403, ""},
		{"a text that was not signed gets 403", changed(with("Body", "other")), 403, ""},
		{"a sender that was not signed gets 403", changed(with("From", "+12025550199")), 403, ""},
		{"an additional parameter gets 403", changed(with("OptOutType", "STOP")), 403, ""},
		{"a missing parameter gets 403", changed(with("ToState")), 403, ""},
		{"a second value that was not signed gets 403", changed(with("From", sender.From, "+12025550199")), 403, ""},
		{"a query that was not signed gets 403", changed(func(r *request) { r.to(r.target + "?x=1") }), 403, ""},
		{"an empty query that was not signed gets 403", changed(func(r *request) { r.to(r.target + "?") }), 403, ""},
		{"a request without the signed query gets 403", func(r *request) { r.forURL(publicURL + r.target + "?x=1") }, 403, ""},
		{"an empty form that was not signed gets 403", body(func(string) string { return "&" }), 403, ""},
		{"another account gets 403", with("AccountSid", otherAccountSID), 403, ""},
		{"no account gets 403", with("AccountSid"), 403, ""},

		{"no From gets 400", with("From"), 400, ""},
		{"no To gets 400", with("To"), 400, ""},
		{"no MessageSid gets 400", with("MessageSid"), 400, ""},
		{"an empty From gets 400", with("From", ""), 400, ""},
		{"an empty To gets 400", with("To", ""), 400, ""},
		{"an empty MessageSid gets 400", with("MessageSid", ""), 400, ""},
		{"a From of 257 bytes gets 400", with("From", long(257)), 400, ""},
		{"a To of 257 bytes gets 400", with("To", long(257)), 400, ""},
		{"a MessageSid of 35 bytes gets 400", with("MessageSid", "SM"+long(33)), 400, ""},
		{"a From with more than digits gets 400", with("From", sender.From+"FromCityWASHINGTON"), 400, ""},
		{"a To on a channel with more than digits gets 400", with("To", "whatsapp:"+sender.To+"x"), 400, ""},
		{"an SmsSid of another message gets 400", with("SmsSid", "SM00000000000000000000000000000000"), 400, ""},
		{"an SmsMessageSid of another message gets 400", with("SmsMessageSid", "SM00000000000000000000000000000000"), 400, ""},
		{"257 parameters get 400", func(r *request) { r.padded(257) }, 400, ""},
		{"a parameter without a name gets 400", with("", "x"), 400, ""},
		{"a parameter with a name that Twilio does not use gets 400", with("Body[0]", "x"), 400, ""},
	}
}

// faults returns one fault for each check, in the order of the checks.
func faults() []fault {
	return []fault{
		{"path", func(r *request) { r.to("/smsx") }, 404, ""},
		{"method", func(r *request) { r.as("PUT") }, 405, ""},
		{"content type", func(r *request) { r.typed("text/plain") }, 415, ""},
		{"size", func(r *request) { r.with("Padding", strings.Repeat("x", 64<<10)) }, 413, ""},
		{"form", func(r *request) { r.with("Broken", "percent") }, 400, "form"},
		{"signature", func(r *request) { r.signed("AAAAAAAAAAAAAAAAAAAAAAAAAAA=") }, 403, "Signature"},
		{"account", func(r *request) { r.with("AccountSid", otherAccountSID) }, 403, "account"},
		{"fields", func(r *request) { r.with("MessageSid", "") }, 400, "MessageSid"},
	}
}

func TestOrderOfChecks(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount)
		all := faults()
		for i, first := range all {
			for _, second := range all[i:] {
				t.Run(fmt.Sprintf("wrong %s before wrong %s", first.name, second.name), func(t *testing.T) {
					request := message("hello")
					first.spoil(request)
					second.spoil(request)
					a := request.written("Broken=percent", "Broken=%").send(r.public)
					a.refused(t, first.status)
					if !strings.Contains(a.Body, first.word) {
						t.Errorf("the answer is %q, want the one about the %s", a.Body, first.name)
					}
					s.wantKeys(t, 0)
				})
			}
		}
	})
	// otherwise, the test could not fail
	t.Run("a service that looks for the session first leaves a trace", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			if a := unsigned().send(naiveSessionFirst(newReplica(t, s.addr))); a.Status != http.StatusForbidden {
				t.Errorf("the answer is %d, want 403", a.Status)
			}
			if n := s.do(t, "DBSIZE"); n == int64(0) {
				t.Error("it has left nothing")
			}
		})
	})
}
