package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/conversation"
)

func TestConversation(t *testing.T) {
	t.Run("each message gets the tutorial's reply", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			cookie := ""
			for n := 1; n <= 5; n++ {
				cookie = message("hello").carrying(cookie).send(r.public).counts(t, n)
			}
			s.wantKeys(t, 2) // the record and the pointer
		})
	})
	t.Run("any replica continues it without a cookie", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			one, other := newReplica(t, s.addr), newReplica(t, s.addr)
			message("hello").send(one.public).counts(t, 1)
			message("hello").send(other.public).counts(t, 2)
			message("hello").to("/sms/fallback").send(one.public).counts(t, 3)
		})
	})
	t.Run("the client may hang up before the reply", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			first := message("hello")
			gone, hangUp := context.WithCancel(t.Context())
			hangUp()
			serve(r.public, first.build().WithContext(gone)).counts(t, 1)
			first.again().send(r.public).counts(t, 1)
			message("hello").send(r.public).counts(t, 2)
		})
	})
}

func TestRepeats(t *testing.T) {
	t.Run("any replica gives a repeat the first reply", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			one, other := newReplica(t, s.addr), newReplica(t, s.addr)
			first, second := message("hello"), message("hello")
			first.send(one.public).counts(t, 1)
			a := second.send(one.public)
			a.counts(t, 2)
			for range 3 {
				if again := second.again().send(other.public); again.Body != a.Body {
					t.Errorf("the repeat got %q, the first delivery got %q", again.Body, a.Body)
				}
			}
			message("hello").send(other.public).counts(t, 3)
		})
	})
	t.Run("a message that comes to both routes counts once", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			one, other := newReplica(t, s.addr), newReplica(t, s.addr)
			for i, order := range [][2]string{{"/sms", "/sms/fallback"}, {"/sms/fallback", "/sms"},
				{"/sms/fallback", "/sms/fallback"}} {
				first := message("hello").to(order[0])
				a := first.send(one.public)
				a.counts(t, i+1)
				// Twilio tells the fallback URL the error of the primary URL.
				again := first.again().to(order[1]).with("ErrorCode", "11205").with("ErrorUrl", publicURL+"/sms")
				if b := again.send(other.public); b.Body != a.Body || b.Status != http.StatusOK {
					t.Errorf("%s got %q, %s got %q before", order[1], b.Body, order[0], a.Body)
				}
			}
			message("hello").send(one.public).counts(t, 4)
		})
	})
	t.Run("a message that comes to both routes at the same time counts once", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			replicas := []*replica{newReplica(t, s.addr), newReplica(t, s.addr)}
			for n := 1; n <= 10; n++ {
				first := message("hello")
				var group sync.WaitGroup
				var replies [6]reply
				for i := range replies {
					req := first.again().to(routes[i%2]).build()
					group.Go(func() { replies[i] = serve(replicas[i/2%2].public, req) })
				}
				group.Wait()
				for _, a := range replies {
					a.counts(t, n)
				}
			}
		})
	})
}

func TestSetCookie(t *testing.T) {
	token := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	for _, row := range []struct {
		name   string
		idle   time.Duration
		secure bool
		maxAge int
	}{
		{"it is Secure if the public URL is https", 4 * time.Hour, true, 14400},
		{"it is not Secure if the public URL is http", 4 * time.Hour, false, 14400},
		{"its Max-Age is the idle time-out", time.Hour, true, 3600},
		{"its Max-Age is at most the 4 hours for which Twilio keeps a cookie", 24 * time.Hour, true, 14400},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *store) {
				r := newReplica(t, s.addr, func(s *settings) {
					s.session.IdleTimeout, s.session.SecureCookie = row.idle, row.secure
				})
				cookie := ""
				for n := 1; n <= 3; n++ {
					a := message("hello").carrying(cookie).send(r.public)
					cookie = a.counts(t, n)
					if len(a.Cookies) != 1 {
						t.Fatalf("the cookies are %q, want one", a.Cookies)
					}
					c := a.Cookies[0]
					if c.Name != "smsession" || !token.MatchString(c.Value) || c.Path != "/" || c.Domain != "" ||
						!c.HttpOnly || c.Secure != row.secure || c.SameSite != 0 {
						t.Errorf("the cookie is %+v", c)
					}
					// a busy machine may take a while to write it
					if c.MaxAge > row.maxAge || c.MaxAge < row.maxAge-60 {
						t.Errorf("Max-Age = %d, want %d", c.MaxAge, row.maxAge)
					}
				}
			})
		})
	}
}

func TestForeignCookies(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		other := message("hello").with("From", "+12025550199").send(r.public).counts(t, 1)
		for i, cookie := range []string{
			"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("A", 42) + "*", "../../sms:quarantine:x",
			other, other + "; smsession=" + strings.Repeat("B", 43), `"quoted"`, strings.Repeat("A", 4<<10),
		} {
			message("hello").carrying(cookie).send(r.public).counts(t, i+1)
		}
		s.wantKeys(t, 4) // two records and their pointers
		message("hello").with("From", "+12025550199").send(r.public).counts(t, 2)
	})
}

// silent sends nothing, talker sends texts with special characters of XML, and author sends a finished document.
type silent struct{ conversation.Counter }

func (silent) Respond(_ context.Context, s conversation.State,
	_ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{}, nil
}

func (silent) Recall(int64) conversation.Reply { return conversation.Reply{} }

type talker struct{ silent }

func (talker) Respond(_ context.Context, s conversation.State,
	_ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{Texts: []string{`a < b & "c" > 'd'`, "é\n😀"}}, nil
}

type author struct{ silent }

const document = "<?xml version='1.0'?>\n<Response><Message action=\"/x?a=1&amp;b=2\">é</Message></Response>\n"

func (author) Respond(_ context.Context, s conversation.State,
	_ conversation.Message) (conversation.State, conversation.Reply, error) {
	s.Counter++
	return s, conversation.Reply{TwiML: document}, nil
}

func TestTwiML(t *testing.T) {
	t.Run("no reply is an empty Response, with a cookie", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			a := message("hello").send(newReplica(t, s.addr, withResponder(silent{})).public)
			a.saysNothing(t)
			if a.Cookie == "" {
				t.Error("it sets no cookie")
			}
		})
	})
	t.Run("special characters are escaped, and a repeat gets the same document", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, withResponder(talker{}))
			first := message("hello")
			a := first.send(r.public)
			a.says(t, `a < b & "c" > 'd'`, "é\n😀")
			if !strings.HasPrefix(a.Body, "<?xml ") {
				t.Errorf("the document begins with %.10q, want the declaration", a.Body)
			}
			if b := first.again().to("/sms/fallback").send(r.public); b.Body != a.Body {
				t.Errorf("the repeat got %q, the first delivery got %q", b.Body, a.Body)
			}
		})
	})
	t.Run("a finished document is sent unchanged, also to a repeat", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, withResponder(author{}))
			first := message("hello")
			for range 2 {
				a := first.send(r.public)
				if a.Status != http.StatusOK || a.Body != document ||
					a.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
					t.Errorf("the reply is %d %q %q", a.Status, a.Header.Get("Content-Type"), a.Body)
				}
			}
		})
	})
}

// A connection is used, so that net/http reads the length and the chunks.
func TestBodySize(t *testing.T) {
	const limit = 64 << 10
	each(t, func(t *testing.T, s *store) {
		srv := httptest.NewServer(newReplica(t, s.addr).public)
		defer srv.Close()
		for _, row := range []struct {
			name    string
			size    int
			chunked bool
			status  int
		}{
			{"64 KiB with a length are read", limit, false, 200},
			{"64 KiB in chunks are read", limit, true, 200},
			{"a byte more with a length is refused", limit + 1, false, 413},
			{"a byte more in chunks is refused", limit + 1, true, 413},
			{"a megabyte with a length is refused", 1 << 20, false, 413},
			{"a megabyte in chunks is refused", 1 << 20, true, 413},
			{"32 KiB in chunks are read", limit / 2, true, 200},
		} {
			t.Run(row.name, func(t *testing.T) {
				s.do(t, "FLUSHALL")
				filled := message("")
				filled.with("Body", strings.Repeat("x", row.size-len(filled.form.Encode())))
				body := filled.form.Encode()
				req, err := http.NewRequest("POST", srv.URL+"/sms", strings.NewReader(body))
				if err != nil || len(body) != row.size {
					t.Fatalf("the body has %d bytes, want %d: %v", len(body), row.size, err)
				}
				if row.chunked {
					req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
				}
				req.Header = filled.build().Header
				res, err := srv.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != row.status {
					t.Errorf("the answer is %d, want %d", res.StatusCode, row.status)
				}
				s.wantKeys(t, map[int]int{200: 2, 413: 0}[row.status])
			})
		}
	})
}

func TestForms(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		for name, form := range map[string]*request{
			"with a charset":                           message("hello").typed("application/x-www-form-urlencoded; charset=UTF-8"),
			"with another spelling of the type":        message("hello").typed("Application/X-WWW-Form-Urlencoded"),
			"with an escaped semicolon":                message("one; two;three"),
			"with a semicolon that is not escaped":     message("one;two").written("%3B", ";"),
			"with emoji and quotes":                    message("naïve “quotes” 😀 & = + % #"),
			"with an empty text":                       message(""),
			"without a text":                           message("").with("Body"),
			"with an unknown parameter":                message("hello").with("AddOns", `{"status":"successful"}`),
			"with a parameter that has several values": message("hello").with("MessagingBinding.Address", "+2", "+1", "+2"),
			"with bytes that are not UTF-8":            message("\xff\xfe"),
			"with 20 media":                            message("").with("NumMedia", "20").with("MediaUrl19", "https://api.twilio.com/x?y=1&z=2"),
			"from a short code":                        message("hello").with("From", "12345"),
			"from a name":                              message("hello").with("From", "TWILIO"),
			"from an address of 256 bytes":             message("hello").with("From", strings.Repeat("f", 256)),
			"to an address of 256 bytes":               message("hello").with("To", strings.Repeat("t", 256)),
			"with the status receiving":                message("hello").with("SmsStatus", "receiving"),
			"without a status":                         message("hello").with("SmsStatus"),
			"with 256 parameters":                      message("hello").padded(256),
		} {
			t.Run("a message "+name+" is accepted", func(t *testing.T) {
				s.do(t, "FLUSHALL")
				form.send(r.public).counts(t, 1)
			})
		}
	})
}
