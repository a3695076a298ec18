package twiml

import (
	"strings"
	"testing"
)

func TestStatus(t *testing.T) {
	for _, row := range []struct {
		name        string
		status      int
		contentType string
		body        string
		want        want
	}{
		{"200 is a valid response", 200, "text/xml", hello, want{verbs: []string{"Hello"}}},
		{"400 is an error", 400, "text/xml", hello, want{errors: []int{11217}, failed: true}},
		{"403 is an error", 403, "text/xml", hello, want{errors: []int{11217}, failed: true}},
		{"429 is an error, because webhooks do not support rate limits", 429, "text/xml", hello, want{errors: []int{11217}, failed: true}},
		{"500 is an error", 500, "text/xml", hello, want{errors: []int{11217}, failed: true}},
		{"503 is an error even with TwiML", 503, "text/xml", hello, want{errors: []int{11217}, failed: true}},
		{"599 is an error", 599, "", "", want{errors: []int{11217}, failed: true}},
		{"600 is not a valid response", 600, "text/xml", hello, want{errors: []int{11200}, failed: true}},
		{"101 is not a valid response", 101, "", "", want{errors: []int{11200}, failed: true}},
		{"a redirect that was not followed is not a valid response", 304, "", "", want{errors: []int{11200}, failed: true}},
		{"204 has no verbs, with a warning", 204, "", "", want{warnings: []int{0}}},
		{"202 without a document has no verbs, with a warning", 202, "text/xml", "", want{warnings: []int{0}}},
		{"201 with a document is read, with a warning", 201, "text/xml", hello, want{verbs: []string{"Hello"}, warnings: []int{0}}},
		{"an empty body of XML is not a document", 200, "text/xml", "", want{errors: []int{12100}, failed: true}},
		{"an empty body without a Content-Type is an error because of the missing type", 200, "", "", want{errors: []int{11200}, failed: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, ReadResponse(row.status, row.contentType, []byte(row.body)))
		})
	}
}

// The types come from https://www.twilio.com/docs/messaging/twiml, "Twilio understands MIME types".
func TestContentType(t *testing.T) {
	read := want{verbs: []string{"Hello"}}
	refused := want{errors: []int{12300}, failed: true}
	latin := strings.Replace(hello, "Hello", "Olá", 1)
	for _, row := range []struct {
		name, contentType, body string
		want                    want
	}{
		{"text/xml is TwiML", "text/xml", hello, read},
		{"a charset is allowed", "text/xml; charset=utf-8", hello, read},
		{"a charset in quotes and capitals is allowed", `text/xml;charset="UTF-8"`, hello, read},
		{"a type in capitals is allowed", "Text/XML", hello, read},
		{"another parameter is allowed", "text/xml; boundary=x", hello, read},
		{"a malformed parameter is ignored", "text/xml; charset", hello, read},
		{"a lone semicolon is ignored", "text/xml;", hello, read},
		{"application/xml is TwiML", "application/xml", hello, read},
		{"text/html is TwiML", "text/html; charset=utf-8", hello, read},
		{"an HTML page is not TwiML", "text/html", "<!DOCTYPE html><html><body>Not found</body></html>", want{errors: []int{12102}, warnings: []int{0}, failed: true}},
		{"an HTML page that is not XML is not TwiML", "text/html", "<html><br></html>", want{errors: []int{12100}, failed: true}},
		{"application/json is refused", "application/json", hello, refused},
		{"application/xhtml+xml is refused", "application/xhtml+xml", hello, refused},
		{"a word that is not a type is refused", "xml", hello, refused},
		{"a missing type is an error", "", hello, want{errors: []int{11200}, failed: true}},
		{"white space is a missing type", " ", hello, want{errors: []int{11200}, failed: true}},
		{"another charset causes no warning if the body is ASCII", "text/xml; charset=iso-8859-1", hello, read},
		{"another charset is ignored, with a warning", "text/xml; charset=iso-8859-1", latin, want{verbs: []string{"Olá"}, warnings: []int{0}}},
		{"text/plain is sent as a message, with a warning", "text/plain; charset=utf-8", "Internal Server Error", want{verbs: []string{"Internal Server Error"}, warnings: []int{0}}},
		{"TwiML as text/plain is sent as a message", "text/plain", "<Response/>", want{verbs: []string{"<Response/>"}, warnings: []int{0}}},
		{"a line feed at the end of text/plain is kept, with a second warning", "text/plain", "OK\n", want{verbs: []string{"OK\n"}, warnings: []int{0, 0}}},
		{"bytes of text/plain that are not UTF-8 are replaced", "text/plain", "Ol\xe1", want{verbs: []string{"Ol\uFFFD"}, warnings: []int{0, 0}}},
		{"an empty text/plain has no verbs, with a warning", "text/plain", "", want{warnings: []int{14103}}},
		{"text/plain of 1,601 characters is not sent", "text/plain", strings.Repeat("a", 1601), want{errors: []int{14103}, warnings: []int{0}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, ReadResponse(200, row.contentType, []byte(row.body)))
		})
	}
}

func TestSize(t *testing.T) {
	padded := func(size int) string { return hello + strings.Repeat(" ", size-len(hello)) }
	tooLarge := want{errors: []int{11750}, failed: true}
	for _, row := range []struct {
		name              string
		status            int
		contentType, body string
		want              want
	}{
		{"64,000 bytes are read", 200, "text/xml", padded(64_000), want{verbs: []string{"Hello"}}},
		{"65,536 bytes are read, with a warning", 200, "text/xml", padded(65_536), want{verbs: []string{"Hello"}, warnings: []int{11750}}},
		{"65,537 bytes are too many", 200, "text/xml", padded(65_537), tooLarge},
		{"the size is checked before the XML", 200, "text/xml", strings.Repeat("a", 65_537), tooLarge},
		{"65,537 bytes are too many for every type", 200, "application/json", strings.Repeat("a", 65_537), tooLarge},
		{"the status is checked before the size", 500, "", strings.Repeat("a", 65_537), want{errors: []int{11217}, failed: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, ReadResponse(row.status, row.contentType, []byte(row.body)))
		})
	}
}
