package twilio_test

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

// FuzzParseForm compares ParseForm with net/url, which differs only in its treatment of the semicolon. It compares Sign
// with the tests' own signing function.
func FuzzParseForm(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Body))
	}
	f.Add([]byte(capturedBody))
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := twilio.ParseForm(body)
		values, wantErr := url.ParseQuery(strings.ReplaceAll(string(body), ";", "%3B"))
		wellFormed := wantErr == nil && !neverSent(string(body), values)
		if (err == nil) != wellFormed {
			t.Fatalf("the error is %v, that of net/url is %v", err, wantErr)
		}
		if err != nil {
			return
		}
		compareForms(t, form, values)
		want := macOf("t", "u"+signedText(values))
		pieces := bytes.Split(body, []byte("&"))
		for range 2 {
			if got := twilio.Sign("t", "u", parse(t, string(bytes.Join(pieces, []byte("&"))))); got != want {
				t.Fatalf("the signature of %q is %s, want %s", pieces, got, want)
			}
			slices.Reverse(pieces)
		}
	})
}

// validName matches the names that are accepted.
var validName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// neverSent reports whether a well-formed form is one that Twilio would not send.
func neverSent(body string, values url.Values) bool {
	for name := range values {
		if !validName.MatchString(name) {
			return true
		}
	}
	return strings.Count(body, "&") >= 256
}

func compareForms(t *testing.T, form twilio.Form, values url.Values) {
	for name, all := range values {
		if got, want := form.Get(name), slices.Min(all); got != want || !form.Has(name) {
			t.Fatalf("%q is %q (present: %t), want %q", name, got, form.Has(name), want)
		}
		if absent := name + "\x00absent"; form.Has(absent) != values.Has(absent) {
			t.Fatalf("%q is present", absent)
		}
	}
	if form.Has("") != values.Has("") {
		t.Fatalf("a parameter without a name is present: %t", form.Has(""))
	}
}

// signedText returns the part of the signed text that comes from a form, as documented. Repeated names are treated as
// in Twilio's Node and Python libraries.
func signedText(values url.Values) string {
	var names []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		all := slices.Clone(values[name])
		slices.Sort(all)
		for _, value := range slices.Compact(all) {
			text.WriteString(name + value)
		}
	}
	return text.String()
}

// FuzzTwiML parses every document with a strict parser, because Twilio's own is not available. The texts are two
// messages, and then the body and the media of one.
func FuzzTwiML(f *testing.F) {
	f.Add("Hello, thanks for the new message.", "")
	f.Add("<Message>&amp;]]></Message>", "\"it's\"")
	f.Add("a\r\nb\tc\x00\x1b", "\xff\xc3(\ufffe\U0001f44d\u2028")
	f.Fuzz(func(t *testing.T, first, second string) {
		document := twilio.TwiML(conversation.Reply{Texts: []string{first, second}})
		if !bytes.HasPrefix(document, []byte(declaration+"<Response")) || !utf8.Valid(document) {
			t.Fatalf("%q is not a document", document)
		}
		var response struct {
			XMLName  xml.Name `xml:"Response"`
			Messages []string `xml:"Message"`
			Others   []struct {
				XMLName xml.Name
			} `xml:",any"`
		}
		if err := xml.Unmarshal(document, &response); err != nil {
			t.Fatalf("%q: %v", document, err)
		}
		want := slices.DeleteFunc([]string{replaceInvalid(first), replaceInvalid(second)}, func(text string) bool {
			return text == ""
		})
		if !slices.Equal(response.Messages, want) || len(response.Others) > 0 {
			t.Fatalf("the messages of %q are %q, want %q", document, response.Messages, want)
		}
		checkMedia(t, first, second)
	})
}

// checkMedia checks the document for a message with a text and two media.
func checkMedia(t *testing.T, text, url string) {
	document := twilio.MediaTwiML([]twilio.Outgoing{{Text: text, Media: []string{url, text}}})
	var response struct {
		XMLName  xml.Name `xml:"Response"`
		Messages []struct {
			Text  string   `xml:",chardata"`
			Body  []string `xml:"Body"`
			Media []string `xml:"Media"`
		} `xml:"Message"`
	}
	if err := xml.Unmarshal(document, &response); err != nil || len(response.Messages) != 1 {
		t.Fatalf("%q: %v", document, err)
	}
	var body []string
	if text != "" {
		body = []string{replaceInvalid(text)}
	}
	m, media := response.Messages[0], []string{replaceInvalid(url), replaceInvalid(text)}
	if m.Text != "" || !slices.Equal(m.Body, body) || !slices.Equal(m.Media, media) {
		t.Fatalf("the message of %q is %q, want the body %q and the media %q", document, m, body, media)
	}
}

// replaceInvalid replaces the characters that XML 1.0 does not allow (https://www.w3.org/TR/xml/#charsets).
func replaceInvalid(text string) string {
	var b strings.Builder
	for _, r := range text { // a byte that is not UTF-8 becomes U+FFFD
		switch {
		case r == '\t', r == '\n', r == '\r', 0x20 <= r && r <= 0xD7FF, 0xE000 <= r && r <= 0xFFFD, 0x10000 <= r:
			b.WriteRune(r)
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return b.String()
}
