package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/cookies"
	"smsession/internal/twiml"
	"smsession/internal/webhooktest"
)

// The app of an exchange is called at its own address, but believes that it is at the public origin.
const (
	exchangeAddress = "http://app.internal/a/sms"
	exchangeOrigin  = "https://bot.example.com"
)

// exchange is an App with an app in memory, for one message at a time.
type exchange struct {
	app      *app.App
	message  conversation.Message
	answers  [2]string // to the first request, and to all further ones
	requests []*http.Request
	bodies   []string
	call     app.Call
}

func newExchange(t testing.TB) *exchange {
	x := &exchange{message: newMessage("hello")}
	x.message.Webhook.Form = parsed("MessageSid=" + sid + "&Body=hello") // the usual form takes more time
	x.app = newKit(t, exchangeAddress, func(o *app.Options) {
		publicURL(exchangeOrigin + "/a/sms")(o)
		o.Timeout = time.Hour // a process that fuzzes may be stopped for a while
		o.Observe = func(c app.Call) { x.call = c }
	}).App
	app.Connect(t, x.app, func(request []byte) string {
		x.receive(t, request)
		return x.answers[min(len(x.requests)-1, 1)]
	})
	return x
}

// receive reads a request as a server does. It must be one whole request.
func (x *exchange) receive(t testing.TB, request []byte) {
	reader := bufio.NewReader(bytes.NewReader(request))
	r, err := http.ReadRequest(reader)
	if err != nil || r.Host != "bot.example.com" {
		t.Errorf("the request %q is not for the app: %v", request, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if _, end := reader.ReadByte(); err != nil || end != io.EOF {
		t.Errorf("%q is not one request: %v", request, err)
	}
	x.requests, x.bodies = append(x.requests, r), append(x.bodies, string(body))
}

// run sends a message, and checks what comes of it.
func (x *exchange) run(t *testing.T) {
	x.requests, x.bodies = nil, nil
	before := conversation.State{
		Counter: 7, Data: []byte(`{"cookies":[{"name":"old","value":"0"}]}`), Began: time.Unix(1, 0),
	}
	after, reply, err := x.app.Respond(t.Context(), before, x.message)
	if n := len(x.requests); n == 0 || n > 10*(1+5) { // documents with redirects
		t.Fatalf("the app gets %d requests", n)
	}
	x.checkSignature(t, 0)
	if err == nil {
		x.checkCookies(t, after)
		x.checkEffect(t, reply)
		return
	}
	x.checkFailure(t, err)
	if !reflect.DeepEqual(after, before) || !reply.IsEmpty() {
		t.Fatalf("after %v, the state is %+v, the reply is %+v", err, after, reply)
	}
}

// checkSignature checks that a request has a signature over the URL that the app believes to have. Twilio signs a URL
// without a path as it is written.
func (x *exchange) checkSignature(t *testing.T, i int) {
	r := x.requests[i]
	form, err := url.ParseQuery(x.bodies[i])
	got := r.Header.Get("X-Twilio-Signature")
	if err != nil || got != webhooktest.Sign(token, exchangeOrigin+r.RequestURI, form) &&
		got != webhooktest.Sign(token, exchangeOrigin+strings.TrimPrefix(r.RequestURI, "/"), form) {
		t.Fatalf("the request is %+v, %v", r, err)
	}
}

func (x *exchange) checkFailure(t *testing.T, err error) {
	failure, isFailure := err.(conversation.Failure)
	if !isFailure || !slices.Contains(app.Faults(), failure.Fault) || failure.Fault == app.Unreachable ||
		failure.Fault == app.Timeout {
		t.Fatalf("the error is %v: %s", err, x.call.Problem)
	}
	if !strings.HasSuffix(x.call.Problem, ".") || !utf8.ValidString(x.call.Problem) {
		t.Fatalf("the problem is %q", x.call.Problem)
	}
	last := x.call.Exchanges[len(x.call.Exchanges)-1]
	isRefused := last.Answer != "" && document(last).Failure != nil
	switch failure.Fault {
	case app.NotTwiML, app.ContentType, app.NoContentType:
		if !isRefused {
			t.Fatalf("%+v is refused: %s", last, x.call.Problem)
		}
	case app.Status, app.Redirect:
		if last.Status/100 == 2 || last.Status/100 == 3 != (failure.Fault == app.Redirect) {
			t.Fatalf("%+v is refused: %s", last, x.call.Problem)
		}
	}
}

// document returns the document of an exchange as Twilio reads it.
func document(e app.Exchange) twiml.Document {
	return twiml.ReadResponse(e.Status, e.AnswerHeader.Get("Content-Type"), []byte(e.Answer))
}

// checkCookies checks that each request carries the cookies that the answers before it have set, and that the state
// keeps them.
func (x *exchange) checkCookies(t *testing.T, after conversation.State) {
	pairs, now := []string{"old=0"}, time.Now()
	for i, e := range x.call.Exchanges {
		if got, want := x.requests[i].Header.Get("Cookie"), strings.Join(pairs, "; "); got != strings.Trim(want, " ") {
			t.Fatalf("the request %d has the cookies %q, want %q", i, got, want)
		}
		for _, header := range e.AnswerHeader["Set-Cookie"] {
			c, err := cookies.Parse(header, nil, now)
			at := slices.IndexFunc(pairs, func(pair string) bool { return strings.HasPrefix(pair, c.Name+"=") })
			switch pair := c.Name + "=" + c.Value; {
			case err == cookies.ErrIgnored:
			case err != nil:
				t.Fatalf("the cookie %q is kept: %v", header, err)
			case at >= 0 && c.Deletes():
				pairs = slices.Delete(pairs, at, at+1)
			case at >= 0:
				pairs[at] = pair
			case !c.Deletes():
				pairs = append(pairs, pair)
			}
		}
	}
	var jar struct {
		Cookies []struct{ Name, Value string }
	}
	if err := json.Unmarshal(after.Data, &jar); err != nil && len(pairs) > 0 {
		t.Fatalf("the data is %q: %v", after.Data, err)
	}
	var kept []string
	for _, c := range jar.Cookies {
		kept = append(kept, c.Name+"="+c.Value)
	}
	if !slices.Equal(kept, pairs) || after.Counter != 8 || after.HasEnded {
		t.Fatalf("the state is %+v, want the cookies %q", after, pairs)
	}
}

// checkEffect checks that Twilio does with the reply what it would do with the documents of the app, if it fetched them
// itself.
func (x *exchange) checkEffect(t *testing.T, reply conversation.Reply) {
	var want []twiml.Verb
	documents := 0
	for i, e := range x.call.Exchanges {
		base := x.base(i)
		if e.Status/100 == 3 {
			x.checkRedirect(t, i, e)
			x.checkNext(t, i, base, e.AnswerHeader.Get("Location"))
			continue
		}
		if documents++; documents > 10 {
			t.Fatalf("%d documents were fetched", documents)
		}
		verbs := verbsOf(e)
		if i < len(x.requests)-1 {
			last := verbs[len(verbs)-1]
			if !last.IsRedirect || last.Method != x.requests[i+1].Method {
				t.Fatalf("a %s follows %+v", x.requests[i+1].Method, last)
			}
			x.checkNext(t, i, base, last.URL)
			verbs = verbs[:len(verbs)-1]
		}
		want = append(want, resolved(base, verbs)...)
	}
	var got []twiml.Verb
	if reply.TwiML != "" {
		d := twiml.Read([]byte(reply.TwiML))
		if d.Failure != nil || len(reply.TwiML) > 32<<10 {
			t.Fatalf("the reply is %q: %+v", reply.TwiML, d.Failure)
		}
		got = resolved(new(url.URL), d.Verbs)
		checkLast(t, got)
	}
	if want = atMostTen(want); !reflect.DeepEqual(got, want) {
		t.Fatalf("the documents of %+v have the verbs\n%+v\nThe reply %q has\n%+v", x.call.Exchanges, want, reply.TwiML,
			got)
	}
}

// checkRedirect checks that the request after a redirect has the parameters of the message only if it repeats a request
// that has them.
func (x *exchange) checkRedirect(t *testing.T, i int, e app.Exchange) {
	before, next := x.requests[i], x.requests[i+1]
	method, hasForm := http.MethodGet, false
	if e.Status == http.StatusTemporaryRedirect {
		method, hasForm = before.Method, x.hasForm(i)
	}
	if next.Method != method || x.hasForm(i+1) != hasForm {
		t.Fatalf("after %d to a %s, the next request is %+v", e.Status, before.Method, next)
	}
}

func (x *exchange) hasForm(i int) bool {
	return strings.HasSuffix(x.requests[i].RequestURI+x.bodies[i], x.message.Webhook.Form.Encoded())
}

// checkLast checks that the last verb does not redirect Twilio to the app.
func checkLast(t *testing.T, verbs []twiml.Verb) {
	if len(verbs) == 0 || !verbs[len(verbs)-1].IsRedirect {
		return
	}
	to := verbs[len(verbs)-1].URL
	if isOwn.MatchString(to) {
		t.Fatalf("Twilio is redirected to %s", to)
	}
}

// isOwn matches the usual URLs of the app.
var isOwn = regexp.MustCompile(`(?i)^https?://(?:bot\.example\.com|app\.internal)(?:[/?#][!-~ ]*)?$`)

// base returns the URL of a request as the app sees it, without the parameters of the message.
func (x *exchange) base(i int) *url.URL {
	form := x.message.Webhook.Form.Encoded()
	uri := strings.TrimSuffix(x.requests[i].RequestURI, form)
	if uri != x.requests[i].RequestURI {
		uri = uri[:len(uri)-1] // the question mark or the ampersand
	}
	u, _ := url.Parse(exchangeOrigin + uri)
	return u
}

// checkNext checks that the request after another one is the one to which a reference leads.
func (x *exchange) checkNext(t *testing.T, i int, base *url.URL, reference string) {
	reference, _, _ = strings.Cut(reference, "#")
	want, err := url.Parse(absolute(base, strings.ReplaceAll(reference, " ", "%20")))
	if err != nil || !sameURI(base, want.RequestURI(), x.base(i+1).RequestURI()) {
		t.Fatalf("%q at %s leads to %s, and the request is sent to %s", reference, base, want, x.base(i+1))
	}
	if isPlain.MatchString(reference) {
		x.checkSignature(t, i+1)
	}
}

// sameURI compares two paths with their queries. net/url escapes some characters, unless others are escaped already.
func sameURI(base *url.URL, a, b string) bool {
	return escapes.Replace(absolute(base, a)) == escapes.Replace(absolute(base, b))
}

var escapes = strings.NewReplacer("!", "%21", "'", "%27", "(", "%28", ")", "%29", "*", "%2A", ",", "%2C", ";", "%3B",
	"[", "%5B", "]", "%5D")

// isPlain matches the references whose bytes net/url keeps. The bytes of other references are signed as they are
// written.
var isPlain = regexp.MustCompile(`^(?:[a-z]+://[a-z.]+)?/?(?:[a-zA-Z0-9_~-]+/?)*(?:\?[a-zA-Z0-9=&_-]*)?$`)

// absolute returns the absolute URL of a reference without dot segments. A text that is not a URL is returned
// unchanged.
func absolute(base *url.URL, reference string) string {
	if u, err := url.Parse(reference); err == nil && reference != "" {
		return base.ResolveReference(u).String()
	}
	return reference
}

// verbsOf returns the verbs of a document, or of a text.
func verbsOf(e app.Exchange) []twiml.Verb {
	if e.Answer == "" {
		return nil
	}
	d := document(e)
	if d.Root != nil || strings.TrimSpace(e.Answer) == "" {
		return d.Verbs
	}
	text := toXML(e.Answer)
	if utf8.RuneCountInString(text) > 1600 {
		return nil
	}
	return []twiml.Verb{{Body: text}}
}

// toXML replaces the characters that XML does not allow.
func toXML(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == '\uFFFE' || r == '\uFFFF' {
			return utf8.RuneError
		}
		return r
	}, text)
}

// resolved returns verbs whose URLs are absolute.
func resolved(base *url.URL, verbs []twiml.Verb) []twiml.Verb {
	verbs = slices.Clone(verbs)
	for i := range verbs {
		v := &verbs[i]
		v.URL, v.Action = absolute(base, v.URL), absolute(base, v.Action)
		v.StatusCallback, v.Media = absolute(base, v.StatusCallback), slices.Clone(v.Media)
		for i, media := range v.Media {
			v.Media[i] = absolute(base, media)
		}
	}
	return verbs
}

// atMostTen returns verbs without the messages after the tenth one.
func atMostTen(verbs []twiml.Verb) []twiml.Verb {
	messages := 0
	return slices.DeleteFunc(verbs, func(v twiml.Verb) bool {
		if !v.IsRedirect {
			messages++
		}
		return !v.IsRedirect && messages > 10
	})
}
