package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/webhooktest"
)

var secrets = [][]byte{bytes.Repeat([]byte("a"), 24), bytes.Repeat([]byte("b"), 64)}

// newJSONKit returns an App that calls a JSON app at a URL.
func newJSONKit(t testing.TB, address string, change func(*app.Options)) *kit {
	k := &kit{registry: prometheus.NewRegistry()}
	k.App = app.NewJSON(k.options(t, address, change), secrets)
	t.Cleanup(k.Close)
	return k
}

// decoded returns a JSON text as any, with numbers as they are written.
func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q is not JSON: %v", text, err)
	}
	return value
}

// The example of the contract.
func TestEvent(t *testing.T) {
	s := newServer(t, answers(204, "", ""))
	k := newJSONKit(t, s.URL+"/json?a=1", publicURL("https://bot.example.com/json?a=1"))
	m := newMessage("hi")
	m.Webhook.Form = parsed("MessageSid=" + sid + "&SmsMessageSid=" + sid + "&SmsSid=" + sid + "&From=%2B1&To=%2B2" +
		"&Body=hi&NumMedia=2&MediaUrl0=https%3A%2F%2Fa.example%2F0&MediaContentType0=image%2Fjpeg" +
		"&MediaUrl1=https%3A%2F%2Fa.example%2F1&MediaContentType1=text%2Fvcard&FromCountry=US&ErrorCode=11200&ErrorUrl=x&ToState=")
	state := conversation.State{
		Counter: 3, Data: []byte(`{"data":{"step":2,"big":12345678901234567890}}`),
		Began: time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC), Written: time.Date(2026, 11, 28, 2, 30, 0, 5e6, time.UTC),
	}
	m.Attempt = 2
	k.respond(t, state, m)
	r := s.received()[0]
	got := decoded(t, r.body).(map[string]any)
	sent, err := time.Parse(time.RFC3339, got["timestamp"].(string))
	if err != nil || time.Since(sent).Abs() > time.Minute || sent.Location() != time.UTC {
		t.Errorf("the timestamp is %v, %v", got["timestamp"], err)
	}
	delete(got, "timestamp")
	want := decoded(t, `{"type":"message.received","message":{"sid":"`+sid+`","from":"`+from+`","to":"`+webhooktest.To+`",
		"body":"hi","media":[{"url":"https://a.example/0","type":"image/jpeg"},{"url":"https://a.example/1","type":"text/vcard"}],
		"parameters":{"FromCountry":"US","ToState":""}},
		"session":{"count":3,"began":"2026-11-28T02:00:00Z","written":"2026-11-28T02:30:00.005Z",
		"data":{"step":2,"big":12345678901234567890}},"attempt":2}`)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the event is\n%v\nwant\n%v", got, want)
	}
	if r.method != "POST" || r.uri != "/json?a=1" || r.host != "bot.example.com" {
		t.Errorf("the request is %+v", r)
	}
	names := []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "Webhook-Id",
		"Webhook-Signature", "Webhook-Timestamp", "X-Forwarded-Host", "X-Forwarded-Proto"}
	if got := slices.Sorted(maps.Keys(r.header)); !slices.Equal(got, names) || r.header.Get("Content-Type") !=
		"application/json" {
		t.Errorf("the header is %v", r.header)
	}
}

// TestDocumentedJSON compares the example of a request in deploy/README.md with a call, and answers with its example of
// an answer.
func TestDocumentedJSON(t *testing.T) {
	text, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### The JSON protocol\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(examples) != 2 {
		t.Fatalf("there are %d examples, want a request and an answer", len(examples))
	}
	s := newServer(t, answers(200, "application/json", examples[1][1]))
	k := newJSONKit(t, s.URL+"/json", nil)
	m := newMessage("hi")
	m.Webhook.Form = parsed("NumMedia=1&MediaUrl0=a&MediaContentType0=b&FromCountry=US&NumSegments=1")
	state := conversation.State{Counter: 2, Began: time.Now(), Written: time.Now(), Data: []byte(`{"data":{"step":2}}`)}
	state, reply := k.respond(t, state, m)
	if string(state.Data) != `{"data":{"step":3}}` || !strings.Contains(reply, "Thank you!") {
		t.Errorf("the documented answer gives %s, %s: %s", state.Data, reply, k.last().Problem)
	}
	want := shape(decoded(t, s.received()[0].body))
	if got := shape(decoded(t, examples[0][1])); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the documented request has the fields\n%v\nand a call has\n%v", got, want)
	}
}

// shape returns a JSON value with the types of its values in place of the values.
func shape(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = shape(v[name])
		}
	case []any:
		for i := range v {
			v[i] = shape(v[i])
		}
	default:
		return fmt.Sprintf("%T", v)
	}
	return value
}

func TestFirstEvent(t *testing.T) {
	s := newServer(t, answers(204, "", ""))
	m := newMessage("a\xffb")
	m.Webhook.Form = parsed("NumMedia=9223372036854775807&MediaContentType0=a")
	ended := conversation.State{Written: time.Now()} // an earlier conversation has been ended
	newJSONKit(t, s.URL+"/json", nil).respond(t, ended, m)
	got := decoded(t, s.received()[0].body).(map[string]any)
	if want := decoded(t, `{"count":0,"began":null,"written":null,"data":{}}`); fmt.Sprint(got["session"]) !=
		fmt.Sprint(want) {
		t.Errorf("the session is %v", got["session"])
	}
	message := got["message"].(map[string]any)
	if media := message["media"]; fmt.Sprint(media) != "[]" {
		t.Errorf("the media are %v", media)
	}
	if message["body"] != "a\uFFFDb" {
		t.Errorf("the body is %q", message["body"])
	}
}

// For example, the app was called as a webhook before.
func TestDataOfAnotherForm(t *testing.T) {
	for _, before := range []string{
		`{"cookies":[{"name":"a","value":"1"}]}`, `{"data":[1]}`, `{"data":null}`, `[1]`, `{`,
	} {
		s := newServer(t, answers(204, "", ""))
		state := conversation.State{Counter: 1, Began: time.Now(), Written: time.Now(), Data: []byte(before)}
		newJSONKit(t, s.URL+"/json", nil).respond(t, state, newMessage("hi"))
		session := decoded(t, s.received()[0].body).(map[string]any)["session"].(map[string]any)
		if data := session["data"]; fmt.Sprint(data) != "map[]" {
			t.Errorf("the data are %v for %s", data, before)
		}
	}
}

// The library of Standard Webhooks verifies each request with each secret, and only the unchanged request.
func TestJSONSignature(t *testing.T) {
	s := newServer(t, answers(204, "", ""))
	k := newJSONKit(t, s.URL+"/json", nil)
	verify := func(r request, secret []byte) error {
		webhook, err := standardwebhooks.NewWebhookRaw(secret)
		if err != nil {
			t.Fatal(err)
		}
		return webhook.Verify([]byte(r.body), r.header)
	}
	k.respond(t, conversation.State{}, newMessage("hello"))
	first := s.received()[0]
	for i, secret := range secrets {
		if err := verify(first, secret); err != nil {
			t.Errorf("secret %d: %v", i, err)
		}
	}
	if parts := strings.Split(first.header.Get("Webhook-Signature"), " "); len(parts) != 2 || first.header.Get(
		"Webhook-Id") != sid {
		t.Errorf("the header is %v", first.header)
	}
	at, err := strconv.ParseInt(first.header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		t.Errorf("the timestamp is %d, %v", at, err)
	}
	changed := first
	changed.body = strings.Replace(first.body, "hello", "hullo", 1)
	if verify(changed, secrets[0]) == nil {
		t.Error("the signature does not cover the body")
	}
	next := bytes.Repeat([]byte("c"), 32)
	k.SetSecrets([][]byte{next})
	k.respond(t, conversation.State{}, newMessage("hello"))
	if second := s.received()[1]; verify(second, next) != nil || verify(second, secrets[0]) == nil {
		t.Error("the new secret is not the only one")
	}
}

func TestJSONReplies(t *testing.T) {
	long := strings.Repeat("word ", 500) // 2,500 units
	first, second := strings.TrimSpace(long[:1600]), strings.TrimSpace(long[1600:])
	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprintf(`{"body":"%d"}`, i))
	}
	for _, row := range []struct {
		name, answer string
		texts        []string
		twiml        string
	}{
		{"reply is one text", `{"reply":"Hello"}`, []string{"Hello"}, ""},
		{"replies are texts in order", `{"replies":[{"body":"b"},{"body":"a"}]}`, []string{"b", "a"}, ""},
		{"no field is no reply", `{}`, nil, ""},
		{"null is no reply", `{"reply":null,"replies":null,"end":null}`, nil, ""},
		{"no replies are no reply", ` {"replies":[]} `, nil, ""},
		{"ten replies are allowed", `{"replies":[` + strings.Join(ten, ",") + `]}`, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, ""},
		{"a long text is split", `{"reply":"` + long + `"}`, []string{first, second}, ""},
		{"media are TwiML", `{"replies":[{"body":"<a>","media":["https://a.example/?b&c","https://a.example/d"]},{"body":"e"}]}`, nil,
			response("<Message><Body>&lt;a&gt;</Body><Media>https://a.example/?b&amp;c</Media>" +
				"<Media>https://a.example/d</Media></Message><Message>e</Message>")},
		{"media need no blank body", `{"replies":[{"body":"` + strings.Repeat(" ", 1601) + `","media":["https://a.example/b"]}]}`, nil, response("<Message><Media>https://a.example/b</Media></Message>")},
		{"media need no body", `{"replies":[{"media":["https://a.example/b"]}]}`, nil, response("<Message><Media>https://a.example/b</Media></Message>")},
		{"media go with the first part", `{"replies":[{"body":"` + long + `","media":["https://a.example/b"]}]}`, nil,
			response("<Message><Body>" + first + "</Body><Media>https://a.example/b</Media></Message>" +
				"<Message>" + second + "</Message>")},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(200, "application/json", row.answer))
			k := newJSONKit(t, s.URL+"/json", nil)
			after, reply, err := k.Respond(t.Context(), conversation.State{Counter: 1}, newMessage("hi"))
			if err != nil || !slices.Equal(reply.Texts, row.texts) || reply.TwiML != row.twiml || after.Counter != 2 {
				t.Errorf("the reply is %+v, %v: %s", reply, err, k.last().Problem)
			}
		})
	}
}

func TestJSONState(t *testing.T) {
	const before = `{"data":{"step":2}}`
	levels := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	for _, row := range []struct {
		name, answer, data string
		hasEnded           bool
	}{
		{"absent data leave the stored data", `{}`, before, false},
		{"null empties the data", `{"data":null}`, "", false},
		{"an empty object empties the data", `{"data":{ }}`, "", false},
		{"data are stored compact and as they are", `{"data":{"b" : 12345678901234567890.0 ,"a":"\u00e9<\/"}}`, `{"data":{"b":12345678901234567890.0,"a":"\u00e9<\/"}}`, false},
		{"data may have 16 levels", `{"data":` + levels(16) + `}`, `{"data":` + levels(16) + `}`, false},
		{"data may have 16 KiB", `{"data":{"a":"` + strings.Repeat("x", 16<<10-8) + `"}}`, `{"data":{"a":"` + strings.Repeat("x", 16<<10-8) + `"}}`, false},
		{"white space does not count", `{"data":{"a":` + strings.Repeat(" ", 17<<10) + `1}}`, `{"data":{"a":1}}`, false},
		{"the answer may have 128 KiB", `{}` + strings.Repeat(" ", 128<<10-2), before, false},
		{"end ends the conversation", `{"reply":"Bye","end":true}`, before, true},
		{"end may be false", `{"end":false}`, before, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(200, "", row.answer))
			k := newJSONKit(t, s.URL+"/json", nil)
			after, _, err := k.Respond(t.Context(), conversation.State{Data: []byte(before)}, newMessage("hi"))
			if err != nil || string(after.Data) != row.data || after.HasEnded != row.hasEnded {
				t.Errorf("the state is %s, %+v, %v", after.Data, after, err)
			}
			if call := k.last(); call.HasEnded != row.hasEnded {
				t.Errorf("the observed call is %+v", call)
			}
		})
	}
}

func TestJSONFaults(t *testing.T) {
	eleven := "[" + strings.Repeat(`{"body":"a"},`, 10) + `{"body":"a"}]`
	for _, row := range []struct {
		name   string
		status int
		answer string
		want   conversation.Fault
	}{
		{"an empty 200", 200, "", app.NotJSON},
		{"text", 200, "OK", app.NotJSON},
		{"half an object", 200, `{"reply":"a"`, app.NotJSON},
		{"two objects", 200, `{}{}`, app.NotJSON},
		{"an array", 200, `[]`, app.NotJSON},
		{"null", 200, `null`, app.NotJSON},
		{"a reply that is a number", 200, `{"reply":1}`, app.NotJSON},
		{"replies that are texts", 200, `{"replies":["a"]}`, app.NotJSON},
		{"an end that is a text", 200, `{"end":"true"}`, app.NotJSON},
		{"an unknown field", 200, `{"text":"a"}`, app.NotJSON},
		{"a field in capitals", 200, `{"Reply":"a"}`, app.NotJSON},
		{"an unknown field of a reply", 200, `{"replies":[{"text":"a"}]}`, app.NotJSON},
		{"the same field twice", 200, `{"reply":"a","reply":"b"}`, app.NotJSON},
		{"bytes that are not UTF-8", 200, "{\"reply\":\"\xff\"}", app.NotJSON},
		{"reply and replies", 200, `{"reply":"a","replies":[]}`, app.Replies},
		{"an empty reply", 200, `{"reply":""}`, app.Replies},
		{"a blank reply", 200, `{"reply":" \n"}`, app.Replies},
		{"an empty one of replies", 200, `{"replies":[{"body":"a"},{}]}`, app.Replies},
		{"an empty URL of media", 200, `{"replies":[{"body":"a","media":[""]}]}`, app.Replies},
		{"eleven replies", 200, `{"replies":` + eleven + `}`, app.Replies},
		{"eleven replies after the split", 200, `{"reply":"` + strings.Repeat("x", 16001) + `"}`, app.Replies},
		{"data of 16 KiB and a byte", 200, `{"data":{"a":"` + strings.Repeat("x", 16<<10-7) + `"}}`, app.Data},
		{"data of 17 levels", 200, `{"data":` + strings.Repeat(`{"a":`, 16) + "[]" + strings.Repeat("}", 16) + "}", app.Data},
		{"data that are an array", 200, `{"data":[]}`, app.Data},
		{"data that are a text", 200, `{"data":"a"}`, app.Data},
		{"128 KiB and a byte", 200, `{}` + strings.Repeat(" ", 128<<10-1), app.TooLarge},
		{"a finished document over 32 KiB", 200, `{"reply":"` + strings.Repeat("語", 12000) + `"}`, app.TooLarge},
		{"404", 404, `{"reply":"a"}`, app.Status},
		{"500", 500, `{"reply":"a"}`, app.Status},
		{"302", 302, ``, app.Redirect},
		{"307", 307, ``, app.Redirect},
	} {
		t.Run(row.name+" is a fault", func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/next")
				answers(row.status, "application/json", row.answer)(w, r)
			})
			k := newJSONKit(t, s.URL+"/json", nil)
			if got := k.fault(t.Context(), t); got != row.want || len(s.received()) != 1 {
				t.Errorf("the fault is %q after %d calls: %s", got, len(s.received()), k.last().Problem)
			}
		})
	}
}

func TestJSONProblems(t *testing.T) {
	const fields = "An answer may have reply, replies, data and end, and each of the replies body and media."
	const invalid, field = "The answer is not valid JSON: ", "The field "
	for answer, want := range map[string]string{
		``:                            invalid + "unexpected EOF at byte 0.",
		`OK`:                          invalid + "invalid character 'O' at start of value at byte 0.",
		`[]`:                          "The answer must be an object.",
		`{"reply":1}`:                 field + `"reply" of the answer must be a string.`,
		`{"end":"true"}`:              field + `"end" of the answer must be true or false.`,
		`{"replies":"a"}`:             field + `"replies" of the answer must be a list of objects with body and media.`,
		`{"replies":["a"]}`:           field + `"replies/0" of the answer must be an object with body and media.`,
		`{"replies":[{"media":"a"}]}`: field + `"replies/0/media" of the answer must be a list of strings.`,
		`{"foo":1}`:                   field + `"foo" of the answer is unknown. ` + fields,
		`{"replies":[{"text":"a"}]}`:  field + `"replies/0/text" of the answer is unknown. ` + fields,
	} {
		t.Run(answer, func(t *testing.T) {
			k := newJSONKit(t, newServer(t, answers(200, "application/json", answer)).URL, nil)
			if got := k.fault(t.Context(), t); got != app.NotJSON || k.last().Problem != want {
				t.Errorf("the fault is %q: %s, want: %s", got, k.last().Problem, want)
			}
		})
	}
}

// Each try is signed anew, because a receiver refuses an old timestamp. Here a try is another call of Respond.
func TestJSONAgain(t *testing.T) {
	var calls atomic.Int32
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		io.WriteString(w, `{"data":{"step":3}}`)
	})
	k := newJSONKit(t, s.URL+"/json", nil)
	m := newMessage("hi")
	k.respond(t, conversation.State{}, m)
	m.Attempt = 2
	k.respond(t, conversation.State{}, m)
	first, second := s.received()[0].header, s.received()[1].header
	if first.Get("Webhook-Id") != second.Get("Webhook-Id") || first.Get("Webhook-Signature") == second.Get(
		"Webhook-Signature") {
		t.Errorf("the headers are %v and %v", first, second)
	}
}
