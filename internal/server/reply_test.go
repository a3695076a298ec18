package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/redistest"
)

func TestMessagesAreAnsweredAsTheTutorialDoes(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		cookie := ""
		for n := 1; n <= 5; n++ {
			cookie = message("hello").carrying(cookie).send(r.public).says(t, tutorial(n))
		}
		if got := size(t, conn); got != 2 {
			t.Errorf("Redis holds %d keys, want the record and the pointer", got)
		}
	})
}

func TestAnyReplicaAnswersWithoutACookie(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		one, other := newReplica(t, addr), newReplica(t, addr)
		message("hello").send(one.public).says(t, tutorial(1))
		message("hello").send(other.public).says(t, tutorial(2))
		message("hello").to("/sms/fallback").send(one.public).says(t, tutorial(3))
	})
}

func TestEveryReplySetsTheCookieOnce(t *testing.T) {
	token := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	for _, row := range []struct {
		name   string
		idle   time.Duration
		secure bool
		maxAge int
	}{
		{"of a public URL that is https it is Secure", 4 * time.Hour, true, 14400},
		{"of one that is http it is not", 4 * time.Hour, false, 14400},
		{"its age is the idle timeout", time.Hour, true, 3600},
		{"and at most what Twilio keeps", 24 * time.Hour, true, 14400},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, addr string, _ redis.Conn) {
				r := newReplica(t, addr, func(s *settings) {
					s.session.IdleTimeout, s.session.SecureCookie = row.idle, row.secure
				})
				cookie := ""
				for n := 1; n <= 3; n++ {
					a := message("hello").carrying(cookie).send(r.public)
					cookie = a.says(t, tutorial(n))
					if lines := a.header.Values("Set-Cookie"); len(lines) != 1 {
						t.Fatalf("the cookies are %q, want one", lines)
					}
					c := a.cookies[0]
					if c.Name != "smsession" || !token.MatchString(c.Value) || c.Path != "/" || c.Domain != "" ||
						!c.HttpOnly || c.Secure != row.secure || c.SameSite != 0 {
						t.Errorf("the cookie is %+v", c)
					}
					// A busy machine may let a second pass between the reckoning and the writing.
					if c.MaxAge > row.maxAge || c.MaxAge < row.maxAge-5 {
						t.Errorf("Max-Age = %d, want %d", c.MaxAge, row.maxAge)
					}
				}
			})
		})
	}
}

// silent sends nothing, talker sends texts with characters that XML escapes, and author sends a finished document.
type silent struct{ conversation.Counter }

func (silent) Respond(_ context.Context, s conversation.State, _ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{}, nil
}

func (silent) Recall(int64) conversation.Reply { return conversation.Reply{} }

type talker struct{ silent }

func (talker) Respond(_ context.Context, s conversation.State, _ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{Texts: []string{`a < b & "c" > 'd'`, "é\n😀"}}, nil
}

type author struct{ silent }

const document = "<?xml version='1.0'?>\n<Response><Message action=\"/x?a=1&amp;b=2\">é</Message></Response>\n"

func (author) Respond(_ context.Context, s conversation.State, _ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{TwiML: document}, nil
}

func TestAFinishedDocumentIsSentUnchanged(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, withResponder(author{}))
		p := message("hello")
		for range 2 { // the repeat too
			a := p.send(r.public)
			if a.status != http.StatusOK || a.body != document || a.header.Get("Content-Type") != "text/xml; charset=utf-8" {
				t.Errorf("got %d %q %q", a.status, a.header.Get("Content-Type"), a.body)
			}
		}
	})
}

func TestRepliesAreTwiML(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, withResponder(silent{}))
		a := message("hello").send(r.public)
		a.saysNothing(t)
		if cookieOf(a) == nil {
			t.Error("a session that says nothing sets no cookie")
		}
		do(t, conn, "FLUSHALL")
		r = newReplica(t, addr, withResponder(talker{}))
		first := message("hello")
		a = first.send(r.public)
		a.says(t, `a < b & "c" > 'd'`, "é\n😀")
		if !strings.HasPrefix(a.body, "<?xml ") {
			t.Errorf("the document begins with %.10q, want the declaration", a.body)
		}
		if b := first.again().to("/sms/fallback").send(r.public); b.body != a.body {
			t.Errorf("the repeat got %q, the first delivery %q", b.body, a.body)
		}
	})
}

func TestCookiesThatAreNotOursAreIgnored(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		strangers := message("hello").with("From", "+12025550199").send(r.public).says(t, tutorial(1))
		n := 0
		for _, cookie := range []string{
			"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("A", 42) + "*", "../../sms:quarantine:x",
			strangers, strangers + "; smsession=" + strings.Repeat("B", 43), `"quoted"`, strings.Repeat("A", 4<<10),
		} {
			n++
			message("hello").carrying(cookie).send(r.public).says(t, tutorial(n))
		}
		if got := size(t, conn); got != 4 {
			t.Errorf("Redis holds %d keys, want the two sessions and their pointers", got)
		}
		message("hello").with("From", "+12025550199").send(r.public).says(t, tutorial(2))
	})
}

// Over a socket, so that net/http frames the body: with a length, in chunks, cut short.
func TestBodiesOfUpTo64KiBAreRead(t *testing.T) {
	const limit = 64 << 10
	filled := func(size int) *post {
		p := message("")
		room := size - len(p.form.Encode())
		return p.with("Body", strings.Repeat("x", room))
	}
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		srv := httptest.NewServer(r.public)
		defer srv.Close()
		client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
		for _, row := range []struct {
			name    string
			size    int
			chunked bool
			status  int
		}{
			{"64 KiB with a length", limit, false, 200},
			{"64 KiB in chunks", limit, true, 200},
			{"a byte more with a length", limit + 1, false, 413},
			{"a byte more in chunks", limit + 1, true, 413},
			{"a megabyte with a length", 1 << 20, false, 413},
			{"a megabyte in chunks", 1 << 20, true, 413},
			{"half in chunks", limit / 2, true, 200},
		} {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				p := filled(row.size)
				req := p.request()
				body := p.form.Encode()
				if len(body) != row.size {
					t.Fatalf("the body has %d bytes, want %d", len(body), row.size)
				}
				out, err := http.NewRequest("POST", srv.URL+"/sms", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if row.chunked {
					out.Body, out.ContentLength = io.NopCloser(strings.NewReader(body)), -1
				}
				out.Header = req.Header
				res, err := client.Do(out)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.StatusCode != row.status {
					t.Errorf("got %d, want %d", res.StatusCode, row.status)
				}
				if got, want := size(t, conn) == 0, row.status != 200; got != want {
					t.Errorf("Redis is empty: %v, want %v", got, want)
				}
			})
		}
	})
}

func TestABodyThatEndsEarlyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		srv := httptest.NewServer(r.public)
		defer srv.Close()
		p := message("hello")
		body := p.form.Encode()
		for _, row := range []struct{ name, framing, sent string }{
			{"with a length", "Content-Length: 4000\r\n", body},
			{"in chunks", "Transfer-Encoding: chunked\r\n", "10\r\n" + body[:16] + "\r\n20\r\n" + body[16:20]},
		} {
			t.Run(row.name, func(t *testing.T) {
				c, err := dial(srv.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var head bytes.Buffer
				head.WriteString("POST /sms HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n")
				head.WriteString("X-Twilio-Signature: " + p.sign() + "\r\n" + row.framing + "\r\n" + row.sent)
				if _, err := c.Write(head.Bytes()); err != nil {
					t.Fatal(err)
				}
				c.CloseWrite()
				got, err := io.ReadAll(c)
				if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
					t.Errorf("got %q, %v, want a 400", got, err)
				}
				if n := size(t, conn); n != 0 {
					t.Errorf("Redis holds %d keys", n)
				}
			})
		}
	})
}

func TestAFormIsReadAsTwilioWritesIt(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		for _, row := range []struct {
			name string
			post *post
		}{
			{"with a charset", withType(message("hello"), "application/x-www-form-urlencoded; charset=UTF-8")},
			{"with another spelling of the type", withType(message("hello"), "Application/X-WWW-Form-Urlencoded")},
			{"with a semicolon, escaped", message("one; two;three")},
			{"with a semicolon as it is", raw(message("one;two"), "%3B", ";")},
			{"with emoji and quotes", message("naïve “quotes” 😀 & = + % #")},
			{"with a text that is empty", message("")},
			{"without a text", message("").with("Body")},
			{"with a parameter that nobody knows", message("hello").with("AddOns", `{"status":"successful"}`)},
			{"with a parameter that comes twice", message("hello").with("MessagingBinding.Address", "+2", "+1", "+2")},
			{"with bytes that are not UTF-8", message("\xff\xfe")},
			{"with 20 media", message("").with("NumMedia", "20").with("MediaUrl19", "https://api.twilio.com/x?y=1&z=2")},
			{"of a short code", message("hello").with("From", "12345")},
			{"of a name", message("hello").with("From", "TWILIO")},
			{"of an address of 256 bytes", message("hello").with("From", strings.Repeat("f", 256))},
			{"to an address of 256 bytes", message("hello").with("To", strings.Repeat("t", 256))},
			{"that is being received", message("hello").with("SmsStatus", "receiving")},
			{"without SmsStatus", message("hello").with("SmsStatus")},
			{"with 256 parameters", padded(message("hello"), 256)},
		} {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				row.post.send(r.public).says(t, tutorial(1))
			})
		}
	})
}

// padded adds parameters until there are n.
func padded(p *post, n int) *post {
	for i := 0; len(p.form) < n; i++ {
		p.with(fmt.Sprintf("Padding%d", i), "x")
	}
	return p
}

func withType(p *post, contentType string) *post {
	p.contentType = contentType
	return p
}

// raw writes some escapes of the body otherwise.
func raw(p *post, escaped, plain string) *post {
	p.body = strings.ReplaceAll(p.form.Encode(), escaped, plain)
	return p
}

func TestTheClientsGoingDoesNotStopTheMessage(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr)
		first := message("hello")
		req := first.request()
		ctx, hangUp := context.WithCancel(req.Context())
		hangUp()
		serve(r.public, req.WithContext(ctx)).says(t, tutorial(1))
		first.again().send(r.public).says(t, tutorial(1))
		message("hello").send(r.public).says(t, tutorial(2))
	})
}

func TestASecondDeliveryIsNotCounted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		one, other := newReplica(t, b.Addr), newReplica(t, b.Addr)
		first, second := message("hello"), message("hello")
		first.send(one.public).says(t, tutorial(1))
		a := second.send(one.public)
		a.says(t, tutorial(2))
		for range 3 {
			if again := second.again().send(other.public); again.body != a.body {
				t.Errorf("the repeat got %q, the first delivery %q", again.body, a.body)
			}
		}
		message("hello").send(other.public).says(t, tutorial(3))
	})
}
