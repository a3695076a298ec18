package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/session"
)

// sets returns a handler that sets cookies, each as a Set-Cookie line.
func sets(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = lines
		answers(204, "", "")(w, r)
	}
}

// cookiesOf returns the Cookie header that the next message gets after an app has set cookies.
func cookiesOf(t *testing.T, before string, lines ...string) (header string, data json.RawMessage) {
	t.Helper()
	s := newServer(t, sets(lines...))
	k := newKit(t, s.URL+"/sms", nil)
	after, _ := k.respond(t, conversation.State{Data: []byte(before)}, newMessage("hello"))
	k.respond(t, after, newMessage("hello"))
	return s.received()[1].header.Get("Cookie"), after.Data
}

func TestCookies(t *testing.T) {
	const werkzeug = `"{\"step\":1\054 \"a\":\"b=c\"}"`
	soon := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"a quoted value of Werkzeug is kept byte for byte", []string{"session=" + werkzeug + "; HttpOnly; Path=/"}, "session=" + werkzeug},
		{"a value ends at the first semicolon", []string{`a="1;2"`}, `a="1`},
		{"the name ends at the first equals sign", []string{"a=b=c=="}, "a=b=c=="},
		{"an empty value is a value", []string{"a="}, "a="},
		{"spaces around name and value are dropped", []string{" a = b c ; Path=/"}, "a=b c"},
		{"letters outside ASCII are kept", []string{"año=ñ"}, "año=ñ"},
		{"two cookies are sent in their order", []string{"session=b", "session.sig=a"}, "session=b; session.sig=a"},
		{"Domain, Path, Secure and SameSite have no effect", []string{"a=1; Domain=other.example; Path=/x; Secure; SameSite=Strict"}, "a=1"},
		{"Max-Age=0 deletes", []string{"old=; Max-Age=0", "a=1"}, "a=1"},
		{"an Expires in the past deletes", []string{"old=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, ""},
		{"Max-Age takes precedence over Expires", []string{"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "old=0; a=1"},
		{"an Expires in the future is kept", []string{"a=1; Expires=" + soon.UTC().Format(http.TimeFormat)}, "old=0; a=1"},
		{"a header without an equals sign is ignored", []string{"hello", "a=1"}, "old=0; a=1"},
		{"4,096 bytes are kept", []string{"a=" + strings.Repeat("x", 4095)}, "old=0; a=" + strings.Repeat("x", 4095)},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := ""
			if strings.Contains(row.want, "old") || strings.HasPrefix(row.lines[0], "old") {
				before = `{"cookies":[{"name":"old","value":"0"}]}`
			}
			if got, data := cookiesOf(t, before, row.lines...); got != row.want {
				t.Errorf("the header is %q, want %q: %s", got, row.want, data)
			}
		})
	}
}

// The negative control of TestCookies: net/http's own parser drops or changes these cookies.
func TestNaiveCookies(t *testing.T) {
	for _, line := range []string{`session="{\"step\":1\054}"; Path=/`, "año=ñ"} {
		res := http.Response{Header: http.Header{"Set-Cookie": {line}}}
		pair, _, _ := strings.Cut(line, ";")
		if all := res.Cookies(); len(all) == 1 && all[0].Name+"="+all[0].Value == pair {
			t.Errorf("net/http keeps %q, so the tests of cookies cannot fail", line)
		}
	}
}

func TestCookieFaults(t *testing.T) {
	many := func(n int, attributes string) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("c%d=1%s", i, attributes))
		}
		return lines
	}
	for _, row := range []struct {
		name  string
		lines []string
	}{
		{"a tab", []string{"a=1\t2"}},
		{"an empty name", []string{"=1"}},
		{"a tab in an attribute", []string{"a=1;\tPath=/"}},
		{"bytes that are not UTF-8", []string{"a=\xe9"}},
		{"a character that begins in the name", []string{"a\xc3=\xa9"}},
		{"4,097 bytes", []string{"a=" + strings.Repeat("x", 4096)}},
		{"51 cookies", many(50, "")}, // and the old one
		{"101 headers that delete", many(101, "; Max-Age=0")},
		{"more than 7 KiB", []string{"b=" + strings.Repeat("x", 4000), "c=" + strings.Repeat("x", 3200)}},
	} {
		t.Run(row.name+" is a fault", func(t *testing.T) {
			k := newKit(t, newServer(t, sets(row.lines...)).URL+"/sms", nil)
			if got := k.fault(t.Context(), t); got != app.Cookies {
				t.Errorf("the fault is %q", got)
			}
		})
	}
	for _, line := range []string{"Set-Cookie: a=\x01", "set-cookie: a=b\x7f", "SET-COOKIE: a=b; Path=\x00"} {
		t.Run(fmt.Sprintf("a control character is a fault: %q", line), func(t *testing.T) {
			address := rawServer(t, func(c net.Conn, _ int) {
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"+line+"\r\n\r\n")
			})
			if got := newKit(t, "http://"+address+"/sms", nil).fault(t.Context(), t); got != app.Cookies {
				t.Errorf("the fault is %q", got)
			}
		})
	}
	for _, row := range []struct {
		name  string
		lines []string
	}{
		{"50 cookies", many(49, "")}, {"100 headers", append(many(51, "; Max-Age=0"), many(49, "")...)},
	} {
		t.Run(row.name+" are not", func(t *testing.T) {
			k := newKit(t, newServer(t, sets(row.lines...)).URL+"/sms", nil)
			if got := k.fault(t.Context(), t); got != "" {
				t.Errorf("the fault is %q: %s", got, k.last().Problem)
			}
		})
	}
}

func TestJarInState(t *testing.T) {
	t.Run("an expiry is stored and ends the cookie", func(t *testing.T) {
		header, data := cookiesOf(t, "", "a=1; Max-Age=3600", "b=<2>")
		var stored struct {
			Cookies []struct {
				Name, Value string
				Expires     *time.Time
			}
		}
		if err := json.Unmarshal(data, &stored); err != nil || len(stored.Cookies) != 2 || header != "a=1; b=<2>" {
			t.Fatalf("the data is %s, %v", data, err)
		}
		if left := time.Until(*stored.Cookies[0].Expires); left < 59*time.Minute || left > time.Hour {
			t.Errorf("the cookie lives for %s", left)
		}
		past := strings.Replace(string(data), stored.Cookies[0].Expires.Format(time.RFC3339), "2020-01-01T00:00:00Z", 1)
		header, data = cookiesOf(t, past)
		if header != "b=<2>" || string(data) != `{"cookies":[{"name":"b","value":"<2>"}]}` {
			t.Errorf("the header is %q, the data is %s", header, data)
		}
	})
	t.Run("an unchanged jar keeps its bytes", func(t *testing.T) {
		const before = `{ "cookies":[{"value":"1","name":"a"}]}`
		if header, data := cookiesOf(t, before); header != "a=1" || string(data) != before {
			t.Errorf("the header is %q, the data is %s", header, data)
		}
	})
	t.Run("an empty jar is no data", func(t *testing.T) {
		if _, data := cookiesOf(t, `{"cookies":[{"name":"a","value":"1"}]}`, "a=; Max-Age=0"); data != nil {
			t.Errorf("the data is %s", data)
		}
	})
	for _, before := range []string{`{"data":{"step":2}}`, `[1]`, `{"cookies":{}}`} {
		t.Run("data of another form is an empty jar: "+before, func(t *testing.T) {
			if header, data := cookiesOf(t, before, "a=1"); header != "a=1" || string(data) !=
				`{"cookies":[{"name":"a","value":"1"}]}` {
				t.Errorf("the header is %q, the data is %s", header, data)
			}
		})
	}
}

func TestImportCookies(t *testing.T) {
	if session.CookieName != "smsession" {
		t.Fatal("the cookie of the service has another name")
	}
	old := conversation.State{Began: time.Now(), Written: time.Now()}
	for _, row := range []struct {
		name      string
		isAllowed bool
		state     conversation.State
		lines     []string
		want      string
		data      string
	}{
		{"cookies of Twilio are imported once", true, conversation.State{}, []string{`smsession=x; a="1\054"; b=2`, "c=3"}, `a="1\054"; b=2; c=3`, `{"cookies":[{"name":"a","value":"\"1\\054\""},{"name":"b","value":"2"},{"name":"c","value":"3"}]}`},
		{"a conversation with a record imports nothing", true, old, []string{"a=1"}, "", ""},
		{"a conversation that was ended imports nothing", true, conversation.State{Written: time.Now()}, []string{"a=1"}, "", ""},
		{"nothing is imported by default", false, conversation.State{}, []string{"a=1"}, "", ""},
		{"a cookie that breaks a rule is left out", true, conversation.State{}, []string{"a; =1; b=\xe9; c=" + strings.Repeat("x", 4096) + "; d=1"}, "d=1", `{"cookies":[{"name":"d","value":"1"}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(204, "", ""))
			k := newKit(t, s.URL+"/sms", func(o *app.Options) { o.ImportCookies = row.isAllowed })
			m := newMessage("hello")
			m.Webhook.Header["Cookie"] = row.lines
			after, _ := k.respond(t, row.state, m)
			if got := s.received()[0].header.Get("Cookie"); got != row.want || string(after.Data) != row.data {
				t.Errorf("the header is %q, want %q; the data is %s", got, row.want, after.Data)
			}
		})
	}
}
