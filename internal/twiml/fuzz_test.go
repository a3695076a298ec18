package twiml

import (
	"encoding/xml"
	"html"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadResponse checks the guarantees of ReadResponse. The verbs of a document are also written as a new document,
// which must have the same verbs.
func FuzzReadResponse(f *testing.F) {
	f.Add(200, "text/xml", hello)
	f.Add(200, "text/plain; charset=utf-8", "Hello")
	f.Add(204, "", "")
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		d := ReadResponse(status, contentType, []byte(body))
		checkInvariants(t, d)
		if d.Root == nil { // a text need not have only characters that XML allows
			return
		}
		written := write(t, d.Verbs)
		if again := Read([]byte(written)); again.Failure != nil || !reflect.DeepEqual(again.Verbs, d.Verbs) {
			t.Fatalf("%q has the verbs\n%+v\nThey are written as %s, which has the verbs\n%+v", body, d.Verbs, written,
				again.Verbs)
		}
	})
}

// write returns a document with some verbs.
func write(t *testing.T, verbs []Verb) string {
	t.Helper()
	type element struct {
		XMLName xml.Name
		To      string   `xml:"to,attr,omitempty"`
		From    string   `xml:"from,attr,omitempty"`
		Action  string   `xml:"action,attr,omitempty"`
		Method  string   `xml:"method,attr,omitempty"`
		Status  string   `xml:"statusCallback,attr,omitempty"`
		URL     string   `xml:",chardata"`
		Body    string   `xml:"Body,omitempty"`
		Media   []string `xml:"Media"`
	}
	var response struct {
		XMLName xml.Name `xml:"Response"`
		Verbs   []element
	}
	for _, v := range verbs {
		name := xml.Name{Local: "Message"}
		if v.IsRedirect {
			name.Local = "Redirect"
		}
		response.Verbs = append(response.Verbs,
			element{name, v.To, v.From, v.Action, v.Method, v.StatusCallback, v.URL, v.Body, v.Media})
	}
	document, err := xml.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
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
