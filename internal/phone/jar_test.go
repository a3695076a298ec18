package phone_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// baker is a webhook that sets what it is told to, and notes what cookies come.
type baker struct {
	*webhook
	next []string // the Set-Cookie headers of the next answers
}

func newBaker(t *testing.T) *baker {
	t.Helper()
	b := &baker{}
	b.webhook = newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = b.next
		says(empty)(w, r)
	})
	return b
}

// came are the cookies of the last request.
func (b *baker) came() string {
	all := b.requests()
	return all[len(all)-1].header.Get("Cookie")
}

// send sends a message, and lets the answer set cookies.
func (b *baker) send(t *testing.T, p *phone.Phone, sets ...string) *phone.Delivery {
	t.Helper()
	b.next = sets
	d := send(t, p, "hi")
	if !d.OK() {
		t.Fatalf("%+v", d.Findings)
	}
	return d
}

func TestACookieEnds(t *testing.T) {
	sinceSet := cookies.Options{SinceSet: true}
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	const h, s = time.Hour, time.Second
	for _, row := range []struct {
		name  string
		jar   cookies.Options
		set   string
		skips []time.Duration // a message after each; the last one is looked at
		kept  bool
	}{
		{"without a message for four hours", cookies.Options{}, "a=1", []time.Duration{4 * h}, false},
		{"not before", cookies.Options{}, "a=1", []time.Duration{4*h - 5*s}, true},
		{"not while messages come", cookies.Options{}, "a=1", []time.Duration{3 * h, 3 * h, 3 * h}, true},
		{"four hours after it was set, whatever comes", sinceSet, "a=1", []time.Duration{3 * h, 1 * h}, false},
		{"not before, counted from when it was set", sinceSet, "a=1", []time.Duration{3 * h, 1*h - 5*s}, true},
		{"after its Max-Age", cookies.Options{}, "a=1; Max-Age=60", []time.Duration{60 * s}, false},
		{"not before its Max-Age", cookies.Options{}, "a=1; Max-Age=60", []time.Duration{55 * s}, true},
		{"after its Max-Age even while messages come", cookies.Options{}, "a=1; Max-Age=7200", []time.Duration{1 * h, 1 * h}, false},
		{"after four hours, though its Max-Age is longer", cookies.Options{}, "a=1; Max-Age=86400", []time.Duration{4 * h}, false},
		{"after four hours from when it was set, though its Max-Age is longer", sinceSet, "a=1; Max-Age=86400", []time.Duration{2 * h, 2 * h}, false},
		{"after four hours, though its Max-Age is enormous", cookies.Options{}, "a=1; Max-Age=99999999999999999999", []time.Duration{4 * h}, false},
		{"after its Expires", cookies.Options{}, "a=1; Expires=" + date(time.Minute), []time.Duration{61 * s}, false},
		{"not before its Expires", cookies.Options{}, "a=1; Expires=" + date(time.Minute), []time.Duration{50 * s}, true},
		{"after four hours, though its Expires is later", cookies.Options{}, "a=1; Expires=" + date(100*h), []time.Duration{4 * h}, false},
		{"by Max-Age and not by an earlier Expires", cookies.Options{}, "a=1; Max-Age=7200; Expires=" + date(time.Minute), []time.Duration{1 * h}, true},
		{"by Max-Age and not by an earlier Expires before it", cookies.Options{}, "a=1; Expires=" + date(time.Minute) + "; Max-Age=7200", []time.Duration{1 * h}, true},
		{"by Expires with dashes", cookies.Options{}, "a=1; expires=" + time.Now().Add(time.Minute).UTC().Format("Mon, 02-Jan-2006 15:04:05 GMT"), []time.Duration{61 * s}, false},
		{"not by a Max-Age that is no number", cookies.Options{}, "a=1; Max-Age=1h", []time.Duration{1 * h}, true},
		{"not by an Expires that is no date", cookies.Options{}, "a=1; Expires=soon", []time.Duration{1 * h}, true},
		{"by the last of two Max-Ages", cookies.Options{}, "a=1; Max-Age=60; Max-Age=7200", []time.Duration{1 * h}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBaker(t)
			p := newPhone(t, at(b.URL), withJar(row.jar))
			b.send(t, p, row.set)
			for _, skip := range row.skips {
				p.Skip(skip)
				b.send(t, p)
			}
			if got := b.came() != ""; got != row.kept {
				t.Errorf("the cookie came: %t, want %t", got, row.kept)
			}
		})
	}
}

func TestSettingACookieAgainRenewsIt(t *testing.T) {
	b := newBaker(t)
	p := newPhone(t, at(b.URL), withJar(cookies.Options{SinceSet: true}))
	for range 3 {
		b.send(t, p, "a=1; Max-Age=14400")
		p.Skip(3 * time.Hour)
	}
	if b.send(t, p); b.came() != "a=1" {
		t.Errorf("came %q", b.came())
	}
}

func TestWhatTheJarKeeps(t *testing.T) {
	for _, row := range []struct {
		name string
		jar  cookies.Options
		sets [][]string // by answer
		want string     // what comes with the next message
	}{
		{"several cookies", cookies.Options{}, [][]string{{"a=1", "b=2"}}, "a=1; b=2"},
		{"cookies of several answers", cookies.Options{}, [][]string{{"a=1"}, {"b=2"}}, "a=1; b=2"},
		{"the newest value of a name, in its old place", cookies.Options{}, [][]string{{"a=1", "b=2"}, {"a=3"}}, "a=3; b=2"},
		{"the last of one name in one answer", cookies.Options{}, [][]string{{"a=1", "a=2"}}, "a=2"},
		{"names of different case apart", cookies.Options{}, [][]string{{"a=1", "A=2"}}, "a=1; A=2"},
		{"a value as it is", cookies.Options{}, [][]string{{`a="x y,z\"=`}}, `a="x y,z\"=`},
		{"a value outside ASCII", cookies.Options{}, [][]string{{"a=ñ"}}, "a=ñ"},
		{"an empty value", cookies.Options{}, [][]string{{"a="}}, "a="},
		{"no white space around name and value", cookies.Options{}, [][]string{{" a = 1 ;Path=/"}}, "a=1"},
		{"nothing that Max-Age=0 takes away", cookies.Options{}, [][]string{{"a=1", "b=2"}, {"a=; Max-Age=0"}}, "b=2"},
		{"nothing that a negative Max-Age takes away", cookies.Options{}, [][]string{{"a=1"}, {"a=1; Max-Age=-1"}}, ""},
		{"nothing that an old Expires takes away", cookies.Options{}, [][]string{{"a=1"}, {"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}}, ""},
		{"nothing without an equals sign", cookies.Options{}, [][]string{{"a", "b=2"}}, "b=2"},
		{"everything, whatever its attributes", cookies.Options{},
			[][]string{{"a=1; Path=/elsewhere", "b=2; Domain=other.example", "c=3; Secure; HttpOnly; SameSite=Strict"}}, "a=1; b=2; c=3"},
		{"one of a name, whatever its path", cookies.Options{}, [][]string{{"a=1; Path=/x", "a=2; Path=/y"}}, "a=2"},
		{"only the last one in the single mode", cookies.Options{Single: true}, [][]string{{"a=1", "b=2"}}, "b=2"},
		{"only the last answer's in the single mode", cookies.Options{Single: true}, [][]string{{"a=1"}, {"b=2"}}, "b=2"},
		{"the one of before in the single mode", cookies.Options{Single: true}, [][]string{{"a=1"}, nil}, "a=1"},
		{"none that is taken away in the single mode", cookies.Options{Single: true}, [][]string{{"a=1"}, {"a=; Max-Age=0"}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBaker(t)
			p := newPhone(t, at(b.URL), withJar(row.jar))
			for _, sets := range row.sets {
				b.send(t, p, sets...)
			}
			if b.send(t, p); b.came() != row.want {
				t.Errorf("came %q, want %q", b.came(), row.want)
			}
		})
	}
}

// What is sent, by RFC 6265, section 5.4, from the URL that Twilio knows; the address plays no part.
func TestTheStrictJarIsABrowsers(t *testing.T) {
	for _, row := range []struct {
		name string
		url  string
		set  string
		kept bool
	}{
		{"no attributes", "https://sms.example.com/sms", "a=1", true},
		{"the root path", "https://sms.example.com/sms", "a=1; Path=/", true},
		{"the path of the URL", "https://sms.example.com/a/sms", "a=1; Path=/a/sms", true},
		{"a path above it", "https://sms.example.com/a/sms", "a=1; Path=/a", true},
		{"a path above it with a slash", "https://sms.example.com/a/sms", "a=1; Path=/a/", true},
		{"another path", "https://sms.example.com/a/sms", "a=1; Path=/b", false},
		{"a path that is only spelled alike", "https://sms.example.com/about", "a=1; Path=/a", false},
		{"a path that does not begin with a slash", "https://sms.example.com/a/sms", "a=1; Path=b", true},
		{"the host as its domain", "https://sms.example.com/sms", "a=1; Domain=sms.example.com", true},
		{"a domain above the host", "https://sms.example.com/sms", "a=1; Domain=example.com", true},
		{"a domain with a dot before it", "https://sms.example.com/sms", "a=1; Domain=.Example.com", true},
		{"another host as its domain", "https://sms.example.com/sms", "a=1; Domain=example.org", false},
		{"a domain below the host", "https://sms.example.com/sms", "a=1; Domain=a.sms.example.com", false},
		{"a domain that is only spelled alike", "https://sms.example.com/sms", "a=1; Domain=ample.com", false},
		{"a top-level domain", "https://sms.example.com/sms", "a=1; Domain=com", false},
		{"the end of an IP address as its domain", "https://192.0.2.1/sms", "a=1; Domain=2.1", false},
		{"an empty domain", "https://sms.example.com/sms", "a=1; Domain=", true},
		{"Secure over https", "https://sms.example.com/sms", "a=1; Secure", true},
		{"Secure over http", "http://sms.example.com/sms", "a=1; Secure", false},
		{"Secure on this machine", "http://localhost:8080/sms", "a=1; Secure", true},
		{"Secure on this machine by its address", "http://127.0.0.1/sms", "a=1; Secure", true},
		{"HttpOnly and SameSite, which mean nothing here", "https://sms.example.com/sms", "a=1; HttpOnly; SameSite=Strict", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBaker(t)
			p := newPhone(t, phone.Endpoint{URL: row.url, Address: b.URL + "/"}, withJar(cookies.Options{Strict: true}))
			b.send(t, p, row.set)
			b.send(t, p)
			if got := b.came() == "a=1"; got != row.kept {
				t.Errorf("the cookie came: %t, want %t", got, row.kept)
			}
			if got := len(p.Cookies()) == 1; got != row.kept {
				t.Errorf("Cookies names it: %t, want %t", got, row.kept)
			}
		})
	}
}

func TestTheStrictJarTellsPathsApart(t *testing.T) {
	b := newBaker(t)
	p := newPhone(t, phone.Endpoint{URL: "https://sms.example.com/a/sms", Address: b.URL + "/"}, withJar(cookies.Options{Strict: true}))
	b.send(t, p, "a=root; Path=/", "a=here; Path=/a")
	if b.send(t, p); b.came() != "a=here; a=root" {
		t.Errorf("came %q, want the longer path first", b.came())
	}
}

func TestACookieIsNeverSentForAnotherPair(t *testing.T) {
	b := newBaker(t)
	network := new(phone.Network)
	pair := func(from, to string) *phone.Phone {
		return newPhone(t, at(b.URL), between(from, to), func(o *phone.Options) { o.Network = network })
	}
	b.send(t, pair(from, to), "a=1")
	for _, other := range []*phone.Phone{pair("+12025550144", to), pair(from, "+15005550009"), pair(to, from), pair("whatsapp:"+from, to)} {
		if b.send(t, other); b.came() != "" {
			t.Errorf("came %q", b.came())
		}
	}
}

func TestWhatAMessageDoesToTheJar(t *testing.T) {
	b := newBaker(t)
	p := newPhone(t, at(b.URL))
	for i, step := range []struct {
		sets []string
		want phone.CookieChange
	}{
		{nil, phone.NoCookie},
		{[]string{"a=1"}, phone.CookieNew},
		{nil, phone.CookieKept},
		{[]string{"a=1; Max-Age=60"}, phone.CookieKept},
		{[]string{"a=2"}, phone.CookieChanged},
		{[]string{"b=1"}, phone.CookieChanged},
		{[]string{"a=; Max-Age=0", "b=; Max-Age=0"}, phone.CookieGone},
		{nil, phone.NoCookie},
	} {
		if got := b.send(t, p, step.sets...).Cookie; got != step.want {
			t.Errorf("message %d: %s, want %s", i+1, got, step.want)
		}
	}
}

func TestCookiesCanBeLost(t *testing.T) {
	b := newBaker(t)
	p := newPhone(t, at(b.URL))
	b.send(t, p, "a=1")
	b.next = nil
	deliver(t, p, phone.Message{Cookieless: true})
	if b.came() != "" {
		t.Errorf("a message without cookies had %q", b.came())
	}
	if b.send(t, p); b.came() != "a=1" {
		t.Errorf("after it came %q: they stay in the jar", b.came())
	}
	p.LoseCookies()
	if b.send(t, p); b.came() != "" || len(p.Cookies()) != 0 {
		t.Errorf("an emptied jar had %q", b.came())
	}
}

func TestAShareOfCookiesIsLost(t *testing.T) {
	const messages = 200
	for _, row := range []struct {
		lose        float64
		least, most int
	}{
		{0, 0, 0},
		{0.5, 50, 150}, // within seven standard deviations
		{1, messages, messages},
	} {
		t.Run(fmt.Sprint(row.lose), func(t *testing.T) {
			b := newBaker(t)
			p := newPhone(t, at(b.URL), withJar(cookies.Options{Lose: row.lose}))
			b.send(t, p, "a=1")
			var lost int
			for range messages {
				if b.send(t, p); b.came() == "" {
					lost++
				}
			}
			if lost < row.least || lost > row.most {
				t.Errorf("%d of %d were lost", lost, messages)
			}
		})
	}
}

func TestCookiesAreListed(t *testing.T) {
	b := newBaker(t)
	p := newPhone(t, at(b.URL))
	p.Skip(time.Hour)
	b.send(t, p, "a=1", "b=2; Max-Age=60")
	got := p.Cookies()
	if len(got) != 2 || got[0].Name != "a" || got[0].Value != "1" || got[1].Name != "b" || got[1].Value != "2" {
		t.Fatalf("%+v", got)
	}
	now := time.Now().Add(time.Hour)
	for i, life := range []time.Duration{4 * time.Hour, time.Minute} {
		if off := got[i].Expires.Sub(now.Add(life)).Abs(); off > 30*time.Second {
			t.Errorf("%s expires at %s, %s off", got[i].Name, got[i].Expires, off)
		}
	}
	p.Skip(time.Minute)
	if got := p.Cookies(); len(got) != 1 {
		t.Errorf("after a minute %+v", got)
	}
}

// Two requests are held, and answered in a given order. What is in the jar then is what the one answered last found,
// with what it set itself: the race of which Twilio warns.
func TestTheLastAnswerDecidesWhatIsInTheJar(t *testing.T) {
	for _, row := range []struct {
		name   string
		before string // in the jar at the start
		sets   map[string]string
		last   string
		want   string
	}{
		{"two first answers, the second request last", "", map[string]string{"one": "a=1", "two": "a=2"}, "two", "a=2"},
		{"two first answers, the first request last", "", map[string]string{"one": "a=1", "two": "a=2"}, "one", "a=1"},
		{"what the other set is gone", "", map[string]string{"one": "a=1", "two": "b=2"}, "two", "b=2"},
		{"an answer that sets nothing brings the old ones back", "a=0", map[string]string{"one": "a=1", "two": ""}, "two", "a=0"},
		{"what neither set stays", "c=0", map[string]string{"one": "a=1", "two": "b=2"}, "two", "c=0; b=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			held := map[string]chan struct{}{"one": make(chan struct{}), "two": make(chan struct{})}
			arrived := make(chan string)
			w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
				body := r.Form.Get("Body")
				set := row.before
				if hold, ok := held[body]; ok {
					set = row.sets[body]
					arrived <- body
					<-hold
				}
				if set != "" {
					w.Header().Set("Set-Cookie", set)
				}
				says(empty)(w, r)
			})
			p := newPhone(t, at(w.URL))
			send(t, p, "before")
			done := map[string]chan *phone.Delivery{"one": make(chan *phone.Delivery, 1), "two": make(chan *phone.Delivery, 1)}
			for _, body := range []string{"one", "two"} {
				go func() { done[body] <- send(t, p, body) }()
				<-arrived
			}
			first := map[string]string{"one": "two", "two": "one"}[row.last]
			for _, body := range []string{first, row.last} {
				close(held[body])
				<-done[body]
			}
			send(t, p, "after")
			all := w.requests()
			if got := all[len(all)-1].header.Get("Cookie"); got != row.want {
				t.Errorf("came %q, want %q", got, row.want)
			}
			for _, r := range all[1:3] {
				if got := r.header.Get("Cookie"); got != row.before {
					t.Errorf("a request that overlaps had %q, want the jar as it was: %q", got, row.before)
				}
			}
		})
	}
}

func TestCookiesThatAreLostInFlightStayLost(t *testing.T) {
	var p *phone.Phone
	var lose atomic.Bool
	w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		if lose.Load() {
			p.LoseCookies()
		}
		w.Header().Set("Set-Cookie", r.Form.Get("Body"))
		says(empty)(w, r)
	})
	p = newPhone(t, at(w.URL))
	send(t, p, "a=1")
	lose.Store(true)
	send(t, p, "b=2")
	var names []string
	for _, c := range p.Cookies() {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{"b"}) {
		t.Errorf("the jar has %q, want only what came after", names)
	}
}

func TestWhatIsNotKnownOfCookiesIsWarnedOf(t *testing.T) {
	image := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"}}
	for _, row := range []struct {
		name    string
		from    string
		message phone.Message
		set     string // by the answer to the message
		jar     cookies.Options
		want    string
	}{
		{"cookies with MMS", from, phone.Message{Media: image}, "", cookies.Options{}, "MMS"},
		{"cookies on a channel", "whatsapp:+12025550143", phone.Message{}, "", cookies.Options{}, "channels"},
		{"taking a cookie away", from, phone.Message{}, "a=; Max-Age=0", cookies.Options{}, "takes a cookie away"},
		{"a header without an equals sign", from, phone.Message{}, "a", cookies.Options{}, "equals sign"},
		{"a domain that a browser refuses", from, phone.Message{}, "a=1; Domain=other.example", cookies.Options{Strict: true}, "domain"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBaker(t)
			p := newPhone(t, at(b.URL), between(row.from, to), withJar(row.jar))
			b.send(t, p, "x=1")
			b.next = nil
			if row.set != "" {
				b.next = []string{row.set}
			}
			if d := deliver(t, p, row.message); !d.OK() || !warned(d, row.want) {
				t.Errorf("findings %+v, want a warning of %q", d.Findings, row.want)
			}
		})
	}
	b := newBaker(t)
	p := newPhone(t, at(b.URL))
	b.send(t, p, "x=1; Path=/; HttpOnly; Max-Age=14400")
	if d := b.send(t, p, "x=1; Path=/; HttpOnly; Max-Age=14400"); len(d.Findings) > 0 {
		t.Errorf("an ordinary message is warned of: %+v", d.Findings)
	}
}
