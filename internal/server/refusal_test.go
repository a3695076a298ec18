package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, withAccount)
		for _, route := range []string{"/sms", "/sms/fallback"} {
			for _, row := range refusals() {
				t.Run(route+"/"+row.name, func(t *testing.T) {
					p := message("hello").to(route)
					row.spoil(p)
					a := p.send(r.public)
					if p.method == "HEAD" {
						a.body = "No sentence."
					}
					a.refused(t, row.status)
					if got, want := a.header.Get("Allow"), map[int]string{405: "POST"}[row.status]; got != want {
						t.Errorf("Allow = %q, want %q", got, want)
					}
					if n := size(t, conn); n != 0 {
						t.Errorf("it left %d keys in Redis", n)
					}
				})
			}
		}
		// Without a fault it is taken, and seen in Redis: the rows are refused for what they say.
		message("hello").send(r.public).says(t, tutorial(1))
		if n := size(t, conn); n != 2 {
			t.Errorf("a message that is taken leaves %d keys, want 2", n)
		}
	})
}

// refusal is a row of the specification's table: what is wrong, and the status that it gets.
type refusal struct {
	name   string
	spoil  func(p *post)
	status int
}

func refusals() []refusal {
	long := func(n int) string { return strings.Repeat("x", n) }
	method := func(m string) func(*post) { return func(p *post) { p.method = m } }
	typed := func(contentType string) func(*post) { return func(p *post) { p.contentType = contentType } }
	encoded := func(encoding string) func(*post) { return func(p *post) { p.header.Set("Content-Encoding", encoding) } }
	signed := func(signature string) func(*post) { return func(p *post) { p.signature = signature } }
	with := func(name string, values ...string) func(*post) { return func(p *post) { p.with(name, values...) } }
	// changed is signed first and changed then.
	changed := func(change func(p *post)) func(*post) {
		return func(p *post) {
			p.signature = p.sign()
			change(p)
		}
	}
	return []refusal{
		{"GET gets 405", method("GET"), 405},
		{"HEAD gets 405", method("HEAD"), 405},
		{"PUT gets 405", method("PUT"), 405},
		{"DELETE gets 405", method("DELETE"), 405},
		{"OPTIONS gets 405", method("OPTIONS"), 405},
		{"TRACE gets 405", method("TRACE"), 405},
		{"a method that nobody knows gets 405", method("PURGE"), 405},
		{"a method in lower case gets 405", method("post"), 405},

		{"JSON gets 415", typed("application/json"), 415},
		{"a form in parts gets 415", typed("multipart/form-data; boundary=x"), 415},
		{"plain text gets 415", typed("text/plain"), 415},
		{"no content type gets 415", typed(""), 415},
		{"a content type that is none gets 415", typed("application/x-www-form-urlencoded; ="), 415},
		{"a compressed form gets 415", encoded("gzip"), 415},

		{"a body of over 64 KiB gets 413", with("Body", long(64<<10)), 413},

		{"a broken escape gets 400", changed(func(p *post) { p.body = strings.Replace(p.form.Encode(), "Body=hello", "Body=%", 1) }), 400},
		{"half an escape at the end gets 400", changed(func(p *post) { p.body = p.form.Encode() + "&x=%4" }), 400},
		{"a broken escape in a name gets 400", changed(func(p *post) { p.body = p.form.Encode() + "&%zz=1" }), 400},

		{"no signature gets 403", signed("none"), 403},
		{"a wrong signature gets 403", signed("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 403},
		{"a signature that is no base64 gets 403", signed("?"), 403},
		{"a signature under another token gets 403", changed(func(p *post) { p.signature = sign("other", publicURL+p.target, p.form) }), 403},
		{"a signature under no token gets 403", changed(func(p *post) { p.signature = sign("", publicURL+p.target, p.form) }), 403},
		{"another text than was signed gets 403", changed(func(p *post) { p.with("Body", "other") }), 403},
		{"another sender than was signed gets 403", changed(func(p *post) { p.with("From", "+12025550199") }), 403},
		{"a parameter more than was signed gets 403", changed(func(p *post) { p.with("OptOutType", "STOP") }), 403},
		{"a parameter less than was signed gets 403", changed(func(p *post) { p.with("ToState") }), 403},
		{"a second value that was not signed gets 403", changed(func(p *post) { p.with("From", from, "+12025550199") }), 403},
		{"a query that was not signed gets 403", changed(func(p *post) { p.to(p.target + "?x=1") }), 403},
		{"an empty query that was not signed gets 403", changed(func(p *post) { p.to(p.target + "?") }), 403},
		{"a query without the one that was signed gets 403", func(p *post) { p.url = publicURL + p.target + "?x=1" }, 403},
		{"an empty form that was not signed gets 403", changed(func(p *post) { p.body = "&" }), 403},
		{"another account gets 403", with("AccountSid", "AC00000000000000000000000000000000"), 403},
		{"no account gets 403", with("AccountSid"), 403},

		{"no From gets 400", with("From"), 400},
		{"no To gets 400", with("To"), 400},
		{"no MessageSid gets 400", with("MessageSid"), 400},
		{"an empty From gets 400", with("From", ""), 400},
		{"an empty To gets 400", with("To", ""), 400},
		{"an empty MessageSid gets 400", with("MessageSid", ""), 400},
		{"a From of 257 bytes gets 400", with("From", long(257)), 400},
		{"a To of 257 bytes gets 400", with("To", long(257)), 400},
		{"a MessageSid of 35 bytes gets 400", with("MessageSid", "SM"+long(33)), 400},
		{"a From with more than digits gets 400", with("From", from+"FromCityWASHINGTON"), 400},
		{"a To on a channel with more than digits gets 400", with("To", "whatsapp:"+to+"x"), 400},
		{"an SmsSid of another message gets 400", with("SmsSid", "SM00000000000000000000000000000000"), 400},
		{"an SmsMessageSid of another message gets 400", with("SmsMessageSid", "SM00000000000000000000000000000000"), 400},
		{"257 parameters get 400", func(p *post) { padded(p, 257) }, 400},
		{"a parameter without a name gets 400", with("", "x"), 400},
		{"a parameter with a name that Twilio does not use gets 400", with("Body[0]", "x"), 400},
	}
}

// fault is one thing that is wrong with a request.
type fault struct {
	name   string
	spoil  func(p *post)
	status int
	word   string // of the sentence, where two faults have one status
}

// faults are in the order in which they are looked for.
func faults() []fault {
	return []fault{
		{"path", func(p *post) { p.target = "/smsx" }, 404, ""},
		{"method", func(p *post) { p.method = "PUT" }, 405, ""},
		{"content type", func(p *post) { p.contentType = "text/plain" }, 415, ""},
		{"size", func(p *post) { p.with("Padding", strings.Repeat("x", 64<<10)) }, 413, ""},
		{"form", func(p *post) { p.with("Broken", "percent") }, 400, "form"},
		{"signature", func(p *post) { p.signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, 403, "Signature"},
		{"account", func(p *post) { p.with("AccountSid", "AC00000000000000000000000000000000") }, 403, "account"},
		{"fields", func(p *post) { p.with("MessageSid", "") }, 400, "MessageSid"},
	}
}

func TestChecksAreMadeInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, withAccount)
		all := faults()
		for i, first := range all {
			for _, second := range all[i:] {
				t.Run(fmt.Sprintf("wrong %s before wrong %s", first.name, second.name), func(t *testing.T) {
					p := message("hello")
					first.spoil(p)
					second.spoil(p)
					p.body = strings.ReplaceAll(p.form.Encode(), "Broken=percent", "Broken=%")
					a := p.send(r.public)
					a.refused(t, first.status)
					if !strings.Contains(a.body, first.word) {
						t.Errorf("the answer is %q, want the one about the %s", a.body, first.name)
					}
					if n := size(t, conn); n != 0 {
						t.Errorf("it left %d keys in Redis", n)
					}
				})
			}
		}
	})
}

// A service that looks for the session first, as a session middleware in front of everything does, leaves traces; the
// look at Redis finds them.
func TestLookingForTheSessionFirstLeavesATrace(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		naive := naiveSessionFirst(r)
		p := message("hello")
		p.signature = "none"
		if a := p.send(naive); a.status != http.StatusForbidden {
			t.Errorf("got %d, want 403", a.status)
		}
		if n := size(t, conn); n == 0 {
			t.Error("it left nothing: the test does not tell the two apart")
		}
	})
}
