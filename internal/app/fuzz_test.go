package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

// FuzzAnswer answers a message with a status, a header and a body, and all further requests for this message with
// another body. The reply must have the effect of the app's own documents, and the cookies must be kept.
func FuzzAnswer(f *testing.F) {
	const xml = "Content-Type: text/xml"
	for _, seed := range []struct {
		status              int
		header, first, next string
	}{
		{200, xml, response("<Message>Hello</Message>"), ""},
		{200, "Set-Cookie: session=eyJz.Z0; HttpOnly; Path=/\r\nContent-Type: text/html",
			response(`<Message action="next" statusCallback='/s?a&amp;b'>a<Media>cat.jpg</Media></Message>`), ""},
		{200, xml, response(`<Message>a</Message><Redirect method="GET">../b?c=d e</Redirect>`),
			response("<Message>b<Media>d</Media></Message>")},
		{303, "Location: next page", "", ""},
		{200, xml, "<Response><Redirect>//other.example/a</Redirect></Response>", ""},
		{302, "Location: /next\r\nSet-Cookie: a=1; Max-Age=60", "",
			"<Response xmlns:a='b'><Sms>&lt;<Body/></Sms></Response>"},
		{307, "Location: http://app.internal:80/next", "", "<Response><Redirect/></Response>"},
		{200, "Content-Type: text/plain\r\nSet-Cookie: old=; Max-Age=0\r\nContent-Length: 5", "1 < 2", ""},
		{204, "Set-Cookie: =", "", ""},
		{500, "Set-Cookie: a=\x01\r\nTransfer-Encoding: chunked", "5\r\nHello\r\n0\r\n\r\n", ""},
	} {
		f.Add(seed.status, seed.header, seed.first, seed.next)
	}
	x := newExchange(f)
	f.Fuzz(func(t *testing.T, status int, header, first, next string) {
		x.answers[0] = fmt.Sprintf("HTTP/1.1 %03d X\r\n%s\r\n\r\n%s", uint(status)%1000, header, first)
		x.answers[1] = withDocument + next
		x.run(t)
	})
}

// FuzzJSONAnswer reads any JSON, which encoding/json must read in the same way, or a number of equal replies, each with
// a text and the URL of a medium.
func FuzzJSONAnswer(f *testing.F) {
	for _, body := range []string{
		`{"reply":"Hello"}`, `{"replies":[{"body":"a"},{"body":" ","media":["https://a.example/b"]}],"end":true}`, `{}`,
		`{"reply":null,"data":{"step":3, "a":[{"b":1e-7}]}}`, `{"data":null}`, `{"data":[]}`, `{"replies":[{}]}`,
		`null`,
		`{"reply":"a","reply":"b"}`, `{"reply":"\ud800"}`, `{"Reply":"a"}`, `{"reply":"a","replies":[]}`,
		`{"data":{}} x`, `{"data":{ }}`, `{"replies":[{"media":["a"]},{"body":"b"}]}`,
	} {
		f.Add(body, "", 0)
	}
	f.Add(`{"data":`+strings.Repeat(`{"a":`, 17)+`1`+strings.Repeat("}", 18), "", 0)
	f.Add("a\x01\xff<&>", "https://a.example/b?c&d", 1)
	f.Add("a", "b", 11)
	f.Fuzz(func(t *testing.T, body, medium string, replies int) {
		text := body
		if replies %= 12; replies > 0 {
			reply := []any{map[string]any{"body": text, "media": []string{medium}}}
			generated, _ := json.Marshal(
				map[string]any{"replies": slices.Repeat(reply, replies), "end": replies == 1},
			)
			body = string(generated)
		}
		after, reply, fault, problem := app.ReadAnswer([]byte(body), conversation.State{Data: []byte(oldData)})
		switch {
		case fault == "":
			checkJSON(t, body, after, reply)
		case !slices.Contains(app.Faults(), fault) || !strings.HasSuffix(problem, ".") || !utf8.ValidString(problem):
			t.Fatalf("the fault is %q, the problem is %q", fault, problem)
		case replies > 0 && replies <= 10 && strings.TrimSpace(medium) != "" && len(text)+len(medium) < 500:
			t.Fatalf("%s is refused: %s", body, problem)
		}
	})
}
