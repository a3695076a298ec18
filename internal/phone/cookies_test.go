package phone_test

import (
	"net/http"
	"testing"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// cookieServer is a webhook that sets the cookies in next.
type cookieServer struct {
	*webhook
	next []string // the Set-Cookie headers of the next responses
}

func newCookieServer(t *testing.T) *cookieServer {
	t.Helper()
	s := &cookieServer{}
	s.webhook = newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = s.next
		responds(empty)(w, r)
	})
	return s
}

// send sends a message whose response sets some cookies. It returns the delivery and the cookies of the request.
func (s *cookieServer) send(t *testing.T, p *phone.Phone, m phone.Message,
	sets ...string) (d *phone.Delivery, sent string) {
	t.Helper()
	s.next = sets
	if d = p.Send(t.Context(), m); !d.OK() {
		t.Fatalf("the findings are %+v", d.Findings)
	}
	return d, s.last().header.Get("Cookie")
}

func withJar(o cookies.Options) func(*phone.Options) { return func(p *phone.Options) { p.Jar = o } }

// Package cookies tests the rules of the jar.
func TestCookies(t *testing.T) {
	hi := phone.Message{Body: "hi"}
	for _, row := range []struct {
		name string
		jar  cookies.Options
		skip time.Duration // before the second message
		set  string
		sent string
	}{
		{"cookies are sent again", cookies.Options{}, 0, "a=1", "a=1"},
		{"a value is sent byte for byte", cookies.Options{}, 0, `a="x y,z\"=ñ`, `a="x y,z\"=ñ`},
		{"cookies end by the phone's clock", cookies.Options{}, 4 * time.Hour, "a=1", ""},
		{"a strict jar does not send a cookie to another path", cookies.Options{Strict: true}, 0, "a=1; Path=/elsewhere", ""},
		{"a strict jar uses the public URL and not the address", cookies.Options{Strict: true}, 0, "a=1; Domain=example.com; Secure", "a=1"},
		{"a strict jar refuses another domain", cookies.Options{Strict: true}, 0, "a=1; Domain=other.example", ""},
		{"a phone can lose all cookies", cookies.Options{Lose: 1}, 0, "a=1", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newCookieServer(t)
			p := newPhone(t, at(s.URL), withJar(row.jar))
			s.send(t, p, hi, row.set)
			p.Skip(row.skip)
			if _, sent := s.send(t, p, hi); sent != row.sent {
				t.Errorf("the cookies are %q, want %q", sent, row.sent)
			}
		})
	}
	t.Run("cookies are not sent for another pair", func(t *testing.T) {
		s := newCookieServer(t)
		s.send(t, newPhone(t, at(s.URL)), hi, "a=1")
		for _, other := range [][2]string{{"+12025550144", to}, {from, "+15005550009"}, {to, from},
			{"whatsapp:" + from, to}} {
			if _, sent := s.send(t, newPhone(t, at(s.URL), between(other[0], other[1])), hi); sent != "" {
				t.Errorf("%q gets %q", other, sent)
			}
		}
	})
	t.Run("a phone can begin with the cookies of another one", func(t *testing.T) {
		s := newCookieServer(t)
		p := newPhone(t, at(s.URL))
		s.send(t, p, hi, "a=1", "b=2")
		foreign := func(o *phone.Options) { o.From, o.Cookies = "+12025550144", p.Cookies() }
		if _, sent := s.send(t, newPhone(t, at(s.URL), foreign), hi); sent != "a=1; b=2" {
			t.Errorf("the cookies are %q", sent)
		}
	})
	t.Run("a message without cookies leaves them in the jar", func(t *testing.T) {
		s := newCookieServer(t)
		p := newPhone(t, at(s.URL))
		s.send(t, p, hi, "a=1")
		if _, sent := s.send(t, p, phone.Message{Cookieless: true}); sent != "" {
			t.Errorf("the message has the cookies %q", sent)
		}
		if _, sent := s.send(t, p, hi); sent != "a=1" {
			t.Errorf("the next message has the cookies %q", sent)
		}
	})
	t.Run("LoseCookies deletes all cookies", func(t *testing.T) {
		s := newCookieServer(t)
		p := newPhone(t, at(s.URL))
		s.send(t, p, hi, "a=1")
		if all := p.Cookies(); len(all) != 1 || all[0].Name != "a" || all[0].Value != "1" {
			t.Errorf("the cookies are %+v", all)
		}
		p.LoseCookies()
		if _, sent := s.send(t, p, hi); sent != "" || len(p.Cookies()) != 0 {
			t.Errorf("the next message has the cookies %q", sent)
		}
	})
}

func TestCookieChange(t *testing.T) {
	s := newCookieServer(t)
	p := newPhone(t, at(s.URL))
	for _, row := range []struct {
		name string
		sets []string
		want phone.CookieChange
	}{
		{"there is no cookie", nil, phone.NoCookie},
		{"the first cookie is new", []string{"a=1"}, phone.CookieNew},
		{"a cookie that is not set is kept", nil, phone.CookieKept},
		{"a cookie that is set to the same value is kept", []string{"a=1; Max-Age=60"}, phone.CookieKept},
		{"another value is a change", []string{"a=2"}, phone.CookieChanged},
		{"a second cookie is a change", []string{"b=1"}, phone.CookieChanged},
		{"the last cookie is deleted", []string{"a=; Max-Age=0", "b=; Max-Age=0"}, phone.CookieGone},
		{"there is no cookie again", nil, phone.NoCookie},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d, _ := s.send(t, p, phone.Message{Body: "hi"}, row.sets...); d.Cookie != row.want {
				t.Errorf("the change is %s, want %s", d.Cookie, row.want)
			}
		})
	}
}

// Two requests overlap. Both carry the cookies from before. The response that arrives last decides which cookies the
// phone has afterwards.
func TestCookieRace(t *testing.T) {
	held := map[string]chan struct{}{"one": make(chan struct{}), "two": make(chan struct{})}
	arrived := make(chan string)
	w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		body := r.Form.Get("Body")
		if hold, found := held[body]; found {
			arrived <- body
			<-hold
		}
		sets(body+"=1", responds(empty))(w, r)
	})
	p := newPhone(t, at(w.URL))
	send(t, p, "before")
	done := make(chan string)
	for _, body := range []string{"one", "two"} {
		go func() {
			send(t, p, body)
			done <- body
		}()
		<-arrived
	}
	for _, body := range []string{"two", "one"} {
		close(held[body])
		<-done
	}
	send(t, p, "after")
	for i, want := range []string{"", "before=1", "before=1", "before=1; one=1"} {
		if got := w.requests()[i].header.Get("Cookie"); got != want {
			t.Errorf("request %d has the cookies %q, want %q", i+1, got, want)
		}
	}
}

func TestCookieWarnings(t *testing.T) {
	image := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"}}
	for _, row := range []struct {
		name, from string
		message    phone.Message
		set        string // by the response
		jar        cookies.Options
		want       string
	}{
		{"cookies with MMS cause a warning", "", phone.Message{Media: image}, "a=1", cookies.Options{}, "MMS"},
		{"cookies on a channel cause a warning", "whatsapp:" + from, phone.Message{}, "a=1", cookies.Options{}, "channels"},
		{"deleting a cookie causes a warning", "", phone.Message{}, "a=; Max-Age=0", cookies.Options{}, "deletes a cookie"},
		{"a header without an equals sign causes a warning", "", phone.Message{}, "a", cookies.Options{}, "equals sign"},
		{"a domain that a browser refuses causes a warning", "", phone.Message{}, "a=1; Domain=other.example", cookies.Options{Strict: true}, "domain"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newCookieServer(t)
			p := newPhone(t, at(s.URL), between(sender(row.from), to), withJar(row.jar))
			s.send(t, p, phone.Message{}, "x=1")
			if d, _ := s.send(t, p, row.message, row.set); !isWarned(d, row.want) {
				t.Errorf("the findings are %+v, want %q", d.Findings, row.want)
			}
		})
	}
	t.Run("an ordinary cookie causes no warning", func(t *testing.T) {
		s := newCookieServer(t)
		p := newPhone(t, at(s.URL))
		for range 2 {
			if d, _ := s.send(t, p, phone.Message{}, "x=1; Path=/; HttpOnly; Max-Age=14400"); len(d.Findings) > 0 {
				t.Errorf("the findings are %+v", d.Findings)
			}
		}
	})
	t.Run("cookies for the fallback URL cause a warning", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": sets("a=1", status(500)),
			"/sms/fallback": responds(empty)}))
		d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
		if !isWarned(d, "cookies to the fallback URL") || !isWarned(d, "cookies of a response that Twilio cannot use") {
			t.Errorf("the findings are %+v", d.Findings)
		}
		if got := w.last().header.Get("Cookie"); got != "a=1" {
			t.Errorf("the fallback gets the cookies %q", got)
		}
	})
}
