package app_test

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

func TestAnswers(t *testing.T) {
	hello := response("<Message>Hello</Message>")
	sized := func(bytes int) string {
		return "<Response>" + strings.Repeat(" ", bytes-len("<Response></Response>")) + "</Response>"
	}
	for _, row := range []struct {
		name        string
		status      int
		contentType string
		body        string
		want        string // the finished document
		fault       conversation.Fault
	}{
		{"text/xml is TwiML", 200, "text/xml; charset=utf-8", hello, hello, ""},
		{"application/xml is TwiML", 200, "application/xml", hello, hello, ""},
		{"text/html is TwiML, as Flask sends it", 200, "text/html; charset=utf-8", hello, hello, ""},
		{"201 is a good status", 201, "text/xml", hello, hello, ""},
		{"text/plain is a message", 200, "text/plain", "1 < 2", response("<Message>1 &lt; 2</Message>"), ""},
		{"a long text/plain is passed on", 200, "text/plain", strings.Repeat("x", 1601), response("<Message>" + strings.Repeat("x", 1601) + "</Message>"), ""},
		{"a blank text/plain is no message", 200, "text/plain", " \n", "", ""},
		{"204 is no reply", 204, "", "", "", ""},
		{"an empty 200 is no reply", 200, "", "", "", ""},
		{"an empty 200 with a type is no reply", 200, "text/html", "", "", ""},
		{"an empty Response is kept", 200, "text/xml", "<Response/>", "<Response/>", ""},
		{"errors of one message are left to Twilio", 200, "text/xml", response("<Say/>"), response("<Say/>"), ""},
		{"404 is a fault", 404, "text/xml", hello, "", app.Status},
		{"500 is a fault", 500, "text/plain", "oops", "", app.Status},
		{"503 is a fault", 503, "", "", "", app.Status},
		{"300 is a fault", 300, "text/xml", hello, "", app.Redirect},
		{"304 is a fault", 304, "", "", "", app.Redirect},
		{"a body without a type is a fault", 200, "", hello, "", app.NoContentType},
		{"JSON is a fault", 200, "application/json", "{}", "", app.ContentType},
		{"XML that is not well-formed is a fault", 200, "text/xml", "<Response>", "", app.NotTwiML},
		{"another root element is a fault", 200, "text/html", "<html></html>", "", app.NotTwiML},
		{"64 KiB are read", 200, "text/plain", strings.Repeat(" ", 64<<10), "", ""},
		{"a byte more is a fault", 200, "text/plain", strings.Repeat(" ", 64<<10+1), "", app.TooLarge},
		{"a finished document of 32 KiB is kept", 200, "text/xml", sized(32 << 10), sized(32 << 10), ""},
		{"a finished document over 32 KiB is a fault", 200, "text/xml", sized(32<<10 + 1), "", app.TooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(row.status, row.contentType, row.body))
			k := newKit(t, s.URL+"/sms", nil)
			if got := k.fault(t.Context(), t); got != row.fault {
				t.Fatalf("the fault is %q, want %q: %s", got, row.fault, k.last().Problem)
			}
			if got := k.last().Reply.TwiML; got != row.want {
				t.Errorf("the reply is %q", got)
			}
			if n := len(s.received()); n != 1 {
				t.Errorf("the app was called %d times", n)
			}
		})
	}
}

func TestCount(t *testing.T) {
	s := newServer(t, answers(204, "", ""))
	k := newKit(t, s.URL+"/sms", nil)
	after, _, err := k.Respond(t.Context(), conversation.State{Counter: 7}, newMessage("hello"))
	if err != nil || after.Counter != 8 {
		t.Errorf("the counter is %d, %v", after.Counter, err)
	}
}

// A compressed answer is read, because net/http asks for it.
func TestCompressed(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("the request does not ask for gzip")
		}
		w.Header().Set("Content-Encoding", "gzip")
		answers(200, "text/xml", gzipped(t, response("<Message>Hello</Message>")))(w, r)
	})
	if _, got := newKit(t, s.URL+"/sms", nil).respond(t, conversation.State{}, newMessage("hello")); !strings.Contains(
		got, "Hello") {
		t.Errorf("the reply is %q", got)
	}
}
