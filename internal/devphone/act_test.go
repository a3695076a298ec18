package devphone_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/devphone"
	"smsession/internal/redistest"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
)

// press carries out the action of a button, and returns the new entries of the phone's log.
func (s *service) press(phone, kind, body string) []entry {
	s.tb.Helper()
	var result struct{ Entries []entry }
	in, _ := json.Marshal(map[string]any{"phone": phone, "kind": kind, "body": body, "hours": 4})
	if status := s.post("/dev/act", string(in), &result); status != 200 {
		s.tb.Fatalf("%s is answered %d", kind, status)
	}
	return result.Entries
}

// say sends a text and returns the reply.
func (s *service) say(phone, body string) string {
	s.tb.Helper()
	return s.press(phone, "text", body)[0].reply()
}

// sessionView is the response of /dev/session.
type sessionView struct {
	Cookies []struct{ Name, Value string }
	Command string
	Record  *struct {
		Key, Raw, Pretty string
		TTL              int64 `json:"ttl_ms"`
	}
}

func (s *service) session(phone string) sessionView {
	s.tb.Helper()
	var v sessionView
	if status := s.get("/dev/session?phone="+phone, &v); status != 200 {
		s.tb.Fatalf("/dev/session is answered %d", status)
	}
	return v
}

// each runs a test with both kinds of Redis.
func each(t *testing.T, run func(t *testing.T, s *service)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) { run(t, newServiceOn(t, b.Addr)) })
}

func TestEachMessageCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		greeting := webhooktest.Greeting
		if got := []string{s.say("1", "hello"), s.say("1", "hello again")}; !slices.Equal(got,
			[]string{greeting(1), greeting(2)}) {
			t.Errorf("the replies to two messages are %q", got)
		}
		repeat := s.press("1", "again", "")[0]
		if first := s.phones()[0].Entries[1]; repeat.Message.SID != first.Message.SID || repeat.reply() != greeting(2) {
			t.Errorf("the repeat of %+v is %+v", first, repeat)
		}
		var replies []string
		for _, e := range s.press("1", "burst", "") {
			replies = append(replies, e.reply())
		}
		slices.Sort(replies)
		if want := []string{greeting(3), greeting(4), greeting(5), greeting(6), greeting(7)}; !slices.Equal(replies,
			want) {
			t.Errorf("the replies to a burst are %q", replies)
		}
		s.press("1", "lose", "")
		if v := s.session("1"); len(v.Cookies) != 0 {
			t.Errorf("after the button Lose cookie, the cookies are %v", v.Cookies)
		}
		if got := s.say("1", "do you know me?"); got != greeting(8) {
			t.Errorf("the reply without a cookie is %q", got)
		}
	})
}

func TestForgedMessage(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.say("1", "hello")
		before := s.session("1").Record.Raw
		forged := s.press("1", "forge", "")[0]
		if forged.Outcome.OK || len(forged.Outcome.Replies) != 0 || forged.Outcome.Findings[0].Code != 11217 {
			t.Errorf("the outcome is %+v", forged.Outcome)
		}
		if s.session("1").Record.Raw != before {
			t.Error("the session has changed")
		}
	})
}

func TestSessionStartsAgain(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.say("1", "hello")
		s.press("1", "skip", "")
		if v := s.session("1"); v.Record != nil || len(v.Cookies) != 0 || s.size() != 0 {
			t.Errorf("after four hours, there are %d keys and the session %+v", s.size(), v)
		}
		if got := s.say("1", "hello"); got != webhooktest.Greeting(1) {
			t.Errorf("after four hours, the reply is %q", got)
		}
		stop := s.press("1", "stop", "")[0]
		if !stop.Outcome.OK || len(stop.Outcome.Replies) != 1 ||
			!strings.HasPrefix(stop.Outcome.Replies[0].Body, "You have successfully been unsubscribed.") ||
			!strings.Contains(s.session("1").Record.Raw, `"ended":`) {
			t.Errorf("the outcome of STOP is %+v, the record is %s", stop.Outcome, s.session("1").Record.Raw)
		}
		if got := s.say("1", "hello"); got != webhooktest.Greeting(1) {
			t.Errorf("after STOP, the reply is %q", got)
		}
	})
}

// The webhook answers no message of the burst until all five have arrived.
func TestBurstIsConcurrent(t *testing.T) {
	all := make(chan struct{})
	var mu sync.Mutex
	var bodies []string
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if bodies = append(bodies, r.FormValue("Body")); len(bodies) == 5 {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<Response/>")
	}))
	t.Cleanup(webhook.Close)
	s := newService(t, func(o *devphone.Options) { o.Phone.Webhook.Address = webhook.URL })
	for _, e := range s.press("1", "burst", "hi") {
		if !e.Outcome.OK {
			t.Errorf("an outcome is %+v", e.Outcome)
		}
	}
	slices.Sort(bodies)
	if want := []string{"hi (1 of 5)", "hi (2 of 5)", "hi (3 of 5)", "hi (4 of 5)",
		"hi (5 of 5)"}; !slices.Equal(bodies, want) {
		t.Errorf("the texts are %q", bodies)
	}
}

// The page does not ask whether to follow, so the phones contact no other server.
func TestOtherServersAreNotContacted(t *testing.T) {
	var contacts atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacts.Add(1) }))
	defer other.Close()
	webhook := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer webhook.Close()
	s := newService(t, func(o *devphone.Options) { o.Phone.Webhook.Address = webhook.URL })
	a := s.request("POST", "/dev/act", hello, headers("Content-Type", "application/json"))
	if a.status != 200 || !strings.Contains(a.body, "Twilio would follow") || contacts.Load() > 0 {
		t.Errorf("the answer is %d %s, and the other server got %d requests", a.status, a.body, contacts.Load())
	}
}

func TestSkipChangesOneConversation(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.post("/dev/open", `{}`, nil)
		s.say("1", "hello")
		s.say("2", "hello")
		s.press("1", "skip", "")
		if v := s.session("2"); v.Record == nil || v.Record.TTL < (4*time.Hour-10*time.Minute).Milliseconds() {
			t.Errorf("the record of the other phone is %+v", v.Record)
		}
		if got := s.say("2", "hello"); got != webhooktest.Greeting(2) {
			t.Errorf("the reply to the other phone is %q", got)
		}
	})
}

// inRedis returns the value of a key and its time to live in milliseconds.
func (s *service) inRedis(key string) (text string, ttl int64) {
	s.tb.Helper()
	text, err := redis.String(s.conn.Do("GET", key))
	if err == nil {
		ttl, err = redis.Int64(s.conn.Do("PTTL", key))
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	return text, ttl
}

func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		if v := s.session("1"); v.Record != nil {
			t.Errorf("before the first message, the record is %+v", v.Record)
		}
		s.say("1", "hello")
		pointer, _ := s.inRedis("sms:conversation:" + webhooktest.To + ":" + from)
		text, before := s.inRedis("sms:session:" + pointer)
		v := s.session("1")
		_, after := s.inRedis("sms:session:" + pointer)
		if v.Record.Key != "sms:session:"+pointer || v.Record.Raw != text || v.Record.TTL > before ||
			v.Record.TTL < after {
			t.Errorf("the record is %+v, in Redis it is %s with %d to %d ms left", v.Record, text, after, before)
		}
		var raw, pretty any
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(v.Record.Pretty), &pretty); err != nil ||
			fmt.Sprint(pretty) != fmt.Sprint(raw) || !strings.Contains(v.Record.Pretty, "\n  \"counter\": 1,\n") {
			t.Errorf("with indentation, the record is %s", v.Record.Pretty)
		}
		if len(v.Cookies) != 1 || v.Cookies[0].Name != "smsession" || v.Cookies[0].Value != pointer {
			t.Errorf("the cookies are %v, the pointer is %s", v.Cookies, pointer)
		}
		if v.Command == "" {
			t.Error("there is no command")
		}
	})
}

func TestRecordThatIsNotJSON(t *testing.T) {
	s := newService(t)
	s.say("1", "hello")
	if _, err := s.conn.Do("SET", s.session("1").Record.Key, `<b>{`); err != nil {
		t.Fatal(err)
	}
	if r := s.session("1").Record; r.Raw != `<b>{` || r.Pretty != `<b>{` || r.TTL != 0 {
		t.Errorf("the record is %+v", r)
	}
}

// exchange is a request and its response.
type exchange struct {
	Reason, Method, URL, Address, Signature string
	Status                                  int
	RequestHeader                           map[string][]string `json:"request_header"`
	RequestBody                             string              `json:"request_body"`
	ResponseHeader                          map[string][]string `json:"response_header"`
	ResponseBody                            string              `json:"response_body"`
}

// form returns the parameters of the request.
func (x exchange) form() url.Values {
	form, _ := url.ParseQuery(x.RequestBody)
	return form
}

// signed reports whether the request has the account's signature for a URL.
func (x exchange) signed(url string) bool {
	return x.Signature == webhooktest.Sign(webhooktest.AuthToken, url, x.form())
}

func (s *service) exchanges(phone string, e entry) []exchange {
	s.tb.Helper()
	var v struct{ Exchanges []exchange }
	if status := s.get(fmt.Sprintf("/dev/message?phone=%s&entry=%d", phone, e.ID), &v); status != 200 {
		s.tb.Fatalf("/dev/message is answered %d", status)
	}
	return v.Exchanges
}

func TestMessage(t *testing.T) {
	s := newService(t)
	const body = "5 < 6 & \"so on\" + 100% <script>\nümlaut 🙂"
	all := s.exchanges("1", s.press("1", "text", body)[0])
	if len(all) != 1 {
		t.Fatalf("there are %d exchanges", len(all))
	}
	x := all[0]
	if x.Reason != "primary" || x.Method != "POST" || x.URL != s.url+"/sms" || x.Status != 200 {
		t.Errorf("the exchange is %+v", x)
	}
	if !x.signed(x.URL) || x.RequestHeader["X-Twilio-Signature"][0] != x.Signature {
		t.Errorf("the signature is %s, the header %v", x.Signature, x.RequestHeader)
	}
	// The parameters have the order of a request that was captured from Twilio.
	if !strings.HasPrefix(x.RequestBody, "ToCountry=") || !strings.HasSuffix(x.RequestBody, "&ApiVersion=2010-04-01") ||
		x.form().Get("Body") != body {
		t.Errorf("the parameters are %q", x.RequestBody)
	}
	if !strings.Contains(x.ResponseBody, webhooktest.Greeting(1)) ||
		!strings.HasPrefix(x.ResponseHeader["Set-Cookie"][0], "smsession=") {
		t.Errorf("the response is %s with %v", x.ResponseBody, x.ResponseHeader)
	}
}

func TestForgedMessageAtTheFallback(t *testing.T) {
	s := newService(t)
	all := s.exchanges("1", s.press("1", "forge", "hello")[0])
	if len(all) != 2 || all[0].Status != 403 || all[1].Status != 403 || all[1].Reason != "fallback" ||
		all[1].URL != s.url+"/sms/fallback" {
		t.Fatalf("the exchanges are %+v", all)
	}
	if all[0].signed(all[0].URL) {
		t.Error("the forged message has the account's signature")
	}
	s.press("1", "text", "hello")
	if s.press("1", "forge", "")[0].Message.SID == s.press("1", "again", "")[0].Message.SID {
		t.Error("the forged message is sent again with the account's signature")
	}
}

func TestParameters(t *testing.T) {
	for _, row := range []struct {
		name, kind string
		optOut     twilio.OptOutMode
		want       url.Values
	}{
		{"an MMS has a picture", "mms", twilio.OptOutDefault, url.Values{"NumMedia": {"1"}, "MediaContentType0": {"image/jpeg"}}},
		{"STOP has an OptOutType with Advanced Opt-Out", "stop", twilio.OptOutAdvanced,
			url.Values{"Body": {"STOP"}, "OptOutType": {"STOP"}}},
		{"STOP has no OptOutType without it", "stop", twilio.OptOutDefault, url.Values{"Body": {"STOP"}, "OptOutType": nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newService(t, func(o *devphone.Options) { o.OptOut = row.optOut })
			form := s.exchanges("1", s.press("1", row.kind, "")[0])[0].form()
			for name, want := range row.want {
				if !slices.Equal(form[name], want) {
					t.Errorf("%s is %q, want %q", name, form[name], want)
				}
			}
		})
	}
}

func TestPublicURL(t *testing.T) {
	const public = "https://sms.example.com/in/sms"
	s := newService(t, func(o *devphone.Options) {
		o.Phone.Webhook.Address, o.Phone.Webhook.URL = o.Phone.Webhook.URL, public
	})
	e := s.press("1", "text", "hello")[0]
	x := s.exchanges("1", e)[0]
	if e.reply() != webhooktest.Greeting(1) || x.URL != public || x.Address != s.url+"/sms" || !x.signed(public) {
		t.Errorf("%q is the reply to %+v", e.reply(), x)
	}
}

func TestPhonesHaveTheirOwnCookies(t *testing.T) {
	s := newService(t)
	s.post("/dev/open", `{}`, nil)
	for range 2 {
		s.say("1", "hello")
		s.say("2", "hello")
	}
	one, two := s.session("1"), s.session("2")
	if one.Cookies[0].Value == two.Cookies[0].Value || one.Record.Key == two.Record.Key {
		t.Error("two phones have one session")
	}
	for _, phone := range []string{"1", "2"} {
		if got := s.say(phone, "hello"); got != webhooktest.Greeting(3) {
			t.Errorf("the reply to phone %s is %q", phone, got)
		}
	}
}

func TestRedisIsDown(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := newServiceOn(t, server.Addr())
	s.say("1", "hello")
	server.Kill()
	if status := s.get("/dev/session?phone=1", nil); status != 503 {
		t.Errorf("/dev/session is answered %d, want 503", status)
	}
	if status := s.post("/dev/act", `{"phone":"1","kind":"skip","hours":4}`, nil); status != 503 {
		t.Errorf("skipping hours is answered %d, want 503", status)
	}
	if last := s.phones()[0].Last; last != 1 {
		t.Errorf("the failed action is in the log, which has %d entries", last)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := s.say("1", "hello again"); got != webhooktest.Greeting(1) {
		t.Errorf("with a new Redis, the reply is %q", got)
	}
}
