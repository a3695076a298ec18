package twiml

import (
	"bytes"
	"encoding/xml"
	"html"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadResponse checks the guarantees of ReadResponse. The verbs of a document must be verbs that another reader
// finds, in the same order.
func FuzzReadResponse(f *testing.F) {
	f.Add(200, "text/xml", hello)
	f.Add(200, "text/xml", "<Response><Message to=' +1 ' action='a'>b<Body>c&amp;amp;</Body><Media> d </Media>"+
		"<Body>e</Body></Message><Redirect> /f\n</Redirect></Response>")
	f.Add(200, "text/xml", "<Response>a<Redirect method='get'> /b<c/>\n</Redirect></Response>")
	f.Add(200, "text/plain; charset=utf-8", "Hello")
	f.Add(204, "", "")
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		d := ReadResponse(status, contentType, []byte(body))
		checkInvariants(t, d)
		if d.Root == nil {
			return
		}
		all := verbsIn(d.Source)
		rest := all
		for _, v := range d.Verbs {
			v.Method = "" // checkInvariants checks it
			i := slices.IndexFunc(rest, func(other Verb) bool { return reflect.DeepEqual(other, v) })
			if i < 0 {
				t.Fatalf("%q has the verbs\n%+v\nwant some of\n%+v", body, d.Verbs, all)
			}
			rest = rest[i+1:]
		}
	})
}

// node is an element as it is written.
type node struct {
	name, text string
	attributes map[string]string
	children   []*node
}

// verbsIn returns all verbs of a well-formed document, without their methods.
func verbsIn(source []byte) (all []Verb) {
	decoder := xml.NewDecoder(bytes.NewReader(source))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	open := []*node{{}}
	for token, err := decoder.RawToken(); err == nil; token, err = decoder.RawToken() {
		parent := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: rawName(token.Name), attributes: map[string]string{}}
			for _, a := range token.Attr {
				n.attributes[rawName(a.Name)] = strings.TrimSpace(a.Value)
			}
			parent.children = append(parent.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			parent.text += string(token)
		}
	}
	for _, verb := range open[0].children[0].children {
		all = append(all, verb.verb())
	}
	return all
}

func rawName(name xml.Name) string {
	if name.Space != "" {
		return name.Space + ":" + name.Local
	}
	return name.Local
}

// verb returns the element as a verb. Around a Body or a Media, white space is only layout.
func (n *node) verb() Verb {
	if n.name == "Redirect" {
		return Verb{IsRedirect: true, URL: strings.TrimSpace(n.text)}
	}
	a := n.attributes
	v := Verb{To: a["to"], From: a["from"], Action: a["action"], StatusCallback: a["statusCallback"]}
	bodies, hasNoun := "", false
	for _, child := range n.children {
		switch url := strings.TrimSpace(child.text); child.name {
		case "Body":
			bodies, hasNoun = bodies+child.text, true
		case "Media":
			hasNoun = true
			if url != "" && len(v.Media) < 10 {
				v.Media = append(v.Media, url)
			}
		}
	}
	if v.Body = n.text + bodies; hasNoun && strings.TrimSpace(n.text) == "" {
		v.Body = bodies
	}
	return v
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
