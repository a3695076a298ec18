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

	"smsession/internal/twilio"
)

// FuzzParseForm reads bodies beside net/url, which agrees on everything but the semicolon, and signs them beside a
// signing function of the tests' own.
func FuzzParseForm(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Body))
	}
	f.Add([]byte(capturedBody))
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := twilio.ParseForm(body)
		values, wantErr := url.ParseQuery(strings.ReplaceAll(string(body), ";", "%3B"))
		wellFormed := wantErr == nil && !beyondTwilio(string(body), values)
		if (err == nil) != wellFormed {
			t.Fatalf("error %v, net/url says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		compareForms(t, form, values)
		want := macOf("t", "u"+signedText(values))
		pieces := bytes.Split(body, []byte("&"))
		for range 2 {
			if got := twilio.Sign("t", "u", parse(t, string(bytes.Join(pieces, []byte("&"))))); got != want {
				t.Fatalf("%q is signed %s, want %s", pieces, got, want)
			}
			slices.Reverse(pieces)
		}
	})
}

// twiliosName matches the names that are accepted.
var twiliosName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// beyondTwilio reports whether Twilio would not send a form that is well-formed.
func beyondTwilio(body string, values url.Values) bool {
	for name := range values {
		if !twiliosName.MatchString(name) {
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

// signedText is what the documentation says is signed of a form, repeats as in Twilio's node and python libraries.
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

// FuzzAppendTwiML reads every document back. Twilio's parser is not at hand; a strict one is.
func FuzzAppendTwiML(f *testing.F) {
	f.Add("Hello, thanks for the new message.", "")
	f.Add("<Message>&amp;]]></Message>", "\"it's\"")
	f.Add("a\r\nb\tc\x00\x1b", "\xff\xc3(\ufffe\U0001f44d\u2028")
	f.Fuzz(func(t *testing.T, first, second string) {
		document := twilio.AppendTwiML(nil, []string{first, second})
		if !bytes.HasPrefix(document, []byte(declaration+"<Response")) || !utf8.Valid(document) {
			t.Fatalf("not a document: %q", document)
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
		want := slices.DeleteFunc([]string{legible(first), legible(second)}, func(text string) bool { return text == "" })
		if !slices.Equal(response.Messages, want) || len(response.Others) > 0 {
			t.Fatalf("%q says %q, want %q", document, response.Messages, want)
		}
	})
}

// legible replaces what XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets).
func legible(text string) string {
	var b strings.Builder
	for _, r := range text { // a byte that is not UTF-8 comes as U+FFFD
		switch {
		case r == '\t', r == '\n', r == '\r', 0x20 <= r && r <= 0xD7FF, 0xE000 <= r && r <= 0xFFFD, 0x10000 <= r:
			b.WriteRune(r)
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return b.String()
}
