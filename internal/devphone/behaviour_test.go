package devphone_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/devphone"
	"smsession/internal/redistest"
)

// press does what a button of a phone says, and returns what the phone then shows.
func (s *service) press(phone, kind, body string) []entry {
	s.tb.Helper()
	var reply struct{ Entries []entry }
	in, _ := json.Marshal(map[string]string{"phone": phone, "kind": kind, "body": body})
	path, request := "/dev/send", string(in)
	switch kind {
	case "lose":
		path, request = "/dev/lose", `{"phone":"`+phone+`"}`
	case "skip":
		path, request = "/dev/skip", `{"phone":"`+phone+`","hours":4}`
	}
	if status := s.post(path, request, &reply); status != 200 {
		s.tb.Fatalf("%s gets %d", kind, status)
	}
	return reply.Entries
}

// say sends a text and returns the reply.
func (s *service) say(phone, body string) string {
	s.tb.Helper()
	return s.press(phone, "text", body)[0].reply()
}

type sessionView struct {
	Last    int
	Line    string
	Cookies []struct{ Name, Value string }
	Record  *struct {
		Key, Raw, Pretty string
		TTL              int64 `json:"ttl_ms"`
	}
}

func (s *service) session(phone string) sessionView {
	s.tb.Helper()
	var v sessionView
	if status := s.get("/dev/session?phone="+phone, &v); status != 200 {
		s.tb.Fatalf("/dev/session gets %d", status)
	}
	return v
}

// each runs a test over both backends.
func each(t *testing.T, run func(t *testing.T, s *service)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) { run(t, newServiceOn(t, b.Addr)) })
}

func TestWhatIsSentAgainAtOnceOrWithoutItsCookieCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		if got := []string{s.say("1", "hello"), s.say("1", "hello again")}; !slices.Equal(got, []string{tutorial(1), tutorial(2)}) {
			t.Errorf("two messages get %q", got)
		}
		repeat := s.press("1", "again", "")[0]
		if first := s.phones()[0].Entries[1]; repeat.Message.SID != first.Message.SID || repeat.reply() != tutorial(2) {
			t.Errorf("the same message again is %+v, first %+v", repeat, first)
		}

		var numbers []string
		for _, e := range s.press("1", "burst", "") {
			numbers = append(numbers, e.reply())
		}
		slices.Sort(numbers)
		if want := []string{tutorial(3), tutorial(4), tutorial(5), tutorial(6), tutorial(7)}; !slices.Equal(numbers, want) {
			t.Errorf("a burst gets %q", numbers)
		}

		s.press("1", "lose", "")
		if v := s.session("1"); len(v.Cookies) != 0 {
			t.Errorf("lost cookies are %v", v.Cookies)
		}
		if got := s.say("1", "do you know me?"); got != tutorial(8) {
			t.Errorf("without the cookie a message gets %q", got)
		}
	})
}

func TestWhatIsForgedChangesNothingAndWhatHasEndedBeginsAnew(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.say("1", "hello")
		before := s.session("1").Record.Raw
		forged := s.press("1", "forge", "")[0]
		if forged.Outcome.OK || len(forged.Outcome.Replies) != 0 || forged.Outcome.Findings[0].Code != 11217 {
			t.Errorf("a bad signature gets %+v", forged.Outcome)
		}
		if s.session("1").Record.Raw != before {
			t.Error("a bad signature reaches the session")
		}

		s.press("1", "skip", "")
		if v := s.session("1"); v.Record != nil || len(v.Cookies) != 0 || s.size() != 0 {
			t.Errorf("four hours later there are %d keys and the session %+v", s.size(), v)
		}
		if got := s.say("1", "hello"); got != tutorial(1) {
			t.Errorf("four hours later a message gets %q", got)
		}

		stop := s.press("1", "stop", "")[0]
		if !stop.Outcome.OK || len(stop.Outcome.Replies) != 0 || !strings.Contains(s.session("1").Record.Raw, `"ended":`) {
			t.Errorf("STOP gets %+v, the record is %s", stop.Outcome, s.session("1").Record.Raw)
		}
		if got := s.say("1", "hello"); got != tutorial(1) {
			t.Errorf("after STOP a message gets %q", got)
		}
	})
}

// TestABurstIsAtOnce has a webhook that answers nobody until all five messages are there.
func TestABurstIsAtOnce(t *testing.T) {
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
	s := newService(t, func(o *devphone.Options) { o.URL = webhook.URL })
	for _, e := range s.press("1", "burst", "hi") {
		if !e.Outcome.OK {
			t.Errorf("one of them gets %+v", e.Outcome)
		}
	}
	slices.Sort(bodies)
	if want := []string{"hi (1 of 5)", "hi (2 of 5)", "hi (3 of 5)", "hi (4 of 5)", "hi (5 of 5)"}; !slices.Equal(bodies, want) {
		t.Errorf("they are %q", bodies)
	}
}

func TestTimePassesForOneConversationOnly(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.post("/dev/phones", `{}`, nil)
		s.say("1", "hello")
		s.say("2", "hello")
		s.press("1", "skip", "")
		if v := s.session("2"); v.Record == nil || v.Record.TTL < (4*time.Hour-time.Minute).Milliseconds() {
			t.Errorf("the other one's record is %+v", v.Record)
		}
		if got := s.say("2", "hello"); got != tutorial(2) {
			t.Errorf("the other one gets %q", got)
		}
	})
}

// redisSays is what a key holds, and how long it lives.
func (s *service) redisSays(key string) (text string, ttl int64) {
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

func TestTheRecordIsTheOneInRedis(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		if v := s.session("1"); v.Record != nil {
			t.Errorf("before the first message there is %+v", v.Record)
		}
		s.say("1", "hello")
		pointer, _ := s.redisSays("sms:conversation:" + to + ":" + from)
		text, ttl := s.redisSays("sms:session:" + pointer)
		v := s.session("1")
		if v.Record.Key != "sms:session:"+pointer || v.Record.Raw != text || v.Record.TTL > 4*3600*1000 || v.Record.TTL < ttl-10_000 {
			t.Errorf("the page says %+v, Redis %s %d", v.Record, text, ttl)
		}
		var was, is any
		if err := json.Unmarshal([]byte(text), &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(v.Record.Pretty), &is); err != nil || fmt.Sprint(is) != fmt.Sprint(was) || !strings.Contains(v.Record.Pretty, "\n  \"counter\": 1,\n") {
			t.Errorf("in lines it is %s", v.Record.Pretty)
		}
		if len(v.Cookies) != 1 || v.Cookies[0].Name != "smsession" || v.Cookies[0].Value != pointer {
			t.Errorf("the jar has %v, the pointer is %s", v.Cookies, pointer)
		}
		if v.Line == "" {
			t.Error("there is no line for a shell")
		}
	})
}

func TestARecordThatIsNoJSONIsShownAsItIs(t *testing.T) {
	s := newService(t)
	s.say("1", "hello")
	key := s.session("1").Record.Key
	if _, err := s.conn.Do("SET", key, `<b>{`); err != nil {
		t.Fatal(err)
	}
	if r := s.session("1").Record; r.Raw != `<b>{` || r.Pretty != `<b>{` || r.TTL != 0 {
		t.Errorf("it is shown as %+v", r)
	}
}

// messageView is what went over the wire.
type messageView struct {
	Exchanges []struct {
		Reason, Method, URL, Address, Signature string
		Status                                  int
		Params                                  [][2]string
		RequestHeader                           map[string][]string `json:"request_header"`
		ResponseHeader                          map[string][]string `json:"response_header"`
		ResponseBody                            string              `json:"response_body"`
	}
}

func (s *service) message(phone string, e entry) messageView {
	s.tb.Helper()
	var v messageView
	if status := s.get(fmt.Sprintf("/dev/message?phone=%s&entry=%d", phone, e.ID), &v); status != 200 {
		s.tb.Fatalf("/dev/message gets %d", status)
	}
	return v
}

// sign is Twilio's documented algorithm: https://www.twilio.com/docs/usage/security#validating-requests.
func sign(url string, params [][2]string) string {
	params = slices.Clone(params)
	slices.SortFunc(params, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	for _, p := range params {
		mac.Write([]byte(p[0] + p[1]))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestWhatWentOverTheWireIsShown(t *testing.T) {
	s := newService(t)
	const body = "5 < 6 & \"so on\" + 100% <script>\nümlaut 🙂"
	v := s.message("1", s.press("1", "text", body)[0])
	if len(v.Exchanges) != 1 {
		t.Fatalf("there are %d exchanges", len(v.Exchanges))
	}
	x := v.Exchanges[0]
	if x.Reason != "primary" || x.Method != "POST" || x.URL != s.url+"/sms" || x.Status != 200 {
		t.Errorf("it is %+v", x)
	}
	if want := sign(x.URL, x.Params); x.Signature != want || x.RequestHeader["X-Twilio-Signature"][0] != want {
		t.Errorf("the signature is %s, that of what is shown %s", x.Signature, want)
	}
	// The order is that of the captured request.
	if x.Params[0][0] != "ToCountry" || x.Params[len(x.Params)-1][0] != "ApiVersion" || !slices.Contains(x.Params, [2]string{"Body", body}) {
		t.Errorf("the parameters are %q", x.Params)
	}
	if !strings.Contains(x.ResponseBody, tutorial(1)) || !strings.HasPrefix(x.ResponseHeader["Set-Cookie"][0], "smsession=") {
		t.Errorf("the response is %s with %v", x.ResponseBody, x.ResponseHeader)
	}
}

func TestAForgedMessageIsShownToTheFallbackToo(t *testing.T) {
	s := newService(t)
	v := s.message("1", s.press("1", "forge", "hello")[0])
	if len(v.Exchanges) != 2 || v.Exchanges[0].Status != 403 || v.Exchanges[1].Status != 403 ||
		v.Exchanges[1].Reason != "fallback" || v.Exchanges[1].URL != s.url+"/sms/fallback" {
		t.Errorf("the exchanges are %+v", v.Exchanges)
	}
	if x := v.Exchanges[0]; x.Signature == sign(x.URL, x.Params) {
		t.Error("the signature is the account's")
	}
	if s.press("1", "text", "hello"); s.press("1", "forge", "")[0].Message.SID == s.press("1", "again", "")[0].Message.SID {
		t.Error("what was forged is sent again as if it were Twilio's")
	}
}

func TestMediaAndOptOutTravelAsTwilioSendsThem(t *testing.T) {
	s := newService(t, func(o *devphone.Options) { o.AdvancedOptOut = true })
	for _, row := range []struct {
		kind string
		want [][2]string
	}{
		{"mms", [][2]string{{"NumMedia", "1"}, {"MediaContentType0", "image/jpeg"}}},
		{"stop", [][2]string{{"Body", "STOP"}, {"OptOutType", "STOP"}}},
	} {
		params := s.message("1", s.press("1", row.kind, "")[0]).Exchanges[0].Params
		for _, want := range row.want {
			if !slices.Contains(params, want) {
				t.Errorf("%s has no %v: %v", row.kind, want, params)
			}
		}
	}
	plain := newService(t)
	for _, p := range plain.message("1", plain.press("1", "stop", "")[0]).Exchanges[0].Params {
		if p[0] == "OptOutType" {
			t.Error("a STOP has an OptOutType, which Twilio adds with Advanced Opt-Out only")
		}
	}
}

func TestTheSignatureIsOverThePublicURL(t *testing.T) {
	const public = "https://sms.example.com/in"
	s := newService(t, func(o *devphone.Options) { o.PublicURL = public })
	e := s.press("1", "text", "hello")[0]
	x := s.message("1", e).Exchanges[0]
	if e.reply() != tutorial(1) || x.URL != public+"/sms" || x.Address != s.url+"/sms" || x.Signature != sign(public+"/sms", x.Params) {
		t.Errorf("it gets %q at %s, as %s", e.reply(), x.Address, x.URL)
	}
}

func TestAPhonesCookieIsItsOwn(t *testing.T) {
	s := newService(t)
	s.post("/dev/phones", `{}`, nil)
	for range 2 {
		s.say("1", "hello")
		s.say("2", "hello")
	}
	one, two := s.session("1"), s.session("2")
	if one.Cookies[0].Value == two.Cookies[0].Value || one.Record.Key == two.Record.Key {
		t.Error("two phones have one session")
	}
	for i, want := range []string{tutorial(3), tutorial(3)} {
		if got := s.say(fmt.Sprint(i+1), "hello"); got != want {
			t.Errorf("phone %d gets %q, want %q", i+1, got, want)
		}
	}
}

func TestWhileRedisIsAwayThePageSaysSo(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	s := newServiceOn(t, server.Addr())
	s.say("1", "hello")
	server.Kill()
	for path, body := range map[string]string{"/dev/session?phone=1": "", "/dev/skip": `{"phone":"1","hours":4}`} {
		status := 0
		if body == "" {
			status = s.get(path, nil)
		} else {
			status = s.post(path, body, nil)
		}
		if status != 503 {
			t.Errorf("%s gets %d, want 503", path, status)
		}
	}
	if last := s.phones()[0].Last; last != 1 {
		t.Errorf("hours that did not pass are among the %d entries", last)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := s.say("1", "hello again"); got != tutorial(1) {
		t.Errorf("from a Redis that has forgotten everything a message gets %q", got)
	}
}
