package twiml

import (
	"html"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadResponse checks the guarantees of ReadResponse.
func FuzzReadResponse(f *testing.F) {
	f.Add(200, "text/xml", hello)
	f.Add(200, "text/plain; charset=utf-8", "Hello")
	f.Add(204, "", "")
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		checkInvariants(t, ReadResponse(status, contentType, []byte(body)))
	})
}

// FuzzText compares the text of a message with the result of html.UnescapeString, an independent reader of character
// references. It also reads the text as a whole document and as a Body.
func FuzzText(f *testing.F) {
	f.Add(hello)
	f.Add("&lt;&amp;&#39;&#xA;]]&gt;")
	f.Add("\U0001F44D")
	f.Fuzz(func(t *testing.T, text string) {
		checkInvariants(t, Read([]byte(text)))
		for _, message := range []string{"<Message>" + text + "</Message>", "<Message><Body>" + text +
			"</Body></Message>"} {
			d := Read(response(message))
			checkInvariants(t, d)
			if strings.Contains(text, "<") || len(d.Verbs) == 0 || hasC1Reference(d.Verbs[0].Body) {
				continue
			}
			want := html.UnescapeString(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text))
			if got := d.Verbs[0].Body; got != want {
				t.Fatalf("%q is read as %q, want %q", text, got, want)
			}
		}
	})
}

// hasC1Reference reports whether a text has a control character from U+0080 to U+009F. HTML reads a reference to one as
// another character.
func hasC1Reference(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return 0x80 <= r && r < 0xA0 })
}

func checkInvariants(t *testing.T, d Document) {
	t.Helper()
	if d.Failure != nil && (d.Verbs != nil || d.Failure.Warning) {
		t.Fatalf("a document that failed has verbs or only a warning: %+v", d)
	}
	messages := 0
	for i, v := range d.Verbs {
		if isLast := i == len(d.Verbs)-1; !isLast && (v.IsRedirect || v.Action != "") {
			t.Fatalf("a verb follows another document: %+v", d)
		}
		if hasNext := v.IsRedirect || v.Action != ""; hasNext != (v.Method == "GET" || v.Method == "POST") {
			t.Fatalf("the method is wrong: %+v", v)
		}
		if v.IsRedirect {
			if v.Body != "" || v.Media != nil || v.Action != "" {
				t.Fatalf("a redirect has content: %+v", v)
			}
			continue
		}
		messages++
		if isBlank(v.Body) && len(v.Media) == 0 || utf8.RuneCountInString(v.Body) > 1600 || len(v.Media) > 10 ||
			!utf8.ValidString(v.Body) || v.URL != "" {
			t.Fatalf("Twilio cannot send the message: %+v", v)
		}
	}
	if messages > 10 {
		t.Fatalf("the document has %d messages", messages)
	}
	for _, f := range d.Findings {
		if f.Detail == "" || !utf8.ValidString(f.Detail) || len(f.Detail) > 500 {
			t.Fatalf("the finding is %+v", f)
		}
	}
}
