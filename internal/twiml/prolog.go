package twiml

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// declaration matches an XML declaration (https://www.w3.org/TR/xml/#NT-XMLDecl). It captures the version and the
// encoding, with their quotes.
var declaration = regexp.MustCompile(`^<\?xml` +
	`[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*("1\.[0-9]+"|'1\.[0-9]+')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*("[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?` +
	`[ \t\r\n]*\?>`)

// utf8Declaration replaces the declaration of a document that was converted to UTF-8.
const utf8Declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// readProlog returns a document in UTF-8 without its byte order mark, and the length of its XML declaration. If it has
// to convert the document, the declaration becomes that of UTF-8, with as many line feeds as before. The error is an
// *xml.SyntaxError.
func readProlog(text []byte) (source []byte, head int, found Findings, err error) {
	source, hasMark := bytes.CutPrefix(text, []byte("\uFEFF"))
	if hasMark {
		found.Warn(0, "The document begins with a byte order mark. It is not confirmed that Twilio accepts one.")
	}
	if bytes.HasPrefix(source, []byte(utf8Declaration)) { // the usual one; the expression takes longer than the rest
		head = len(utf8Declaration)
	} else if match := declaration.FindSubmatch(source); match != nil {
		version, encoding := strings.Trim(string(match[1]), `"'`), strings.Trim(string(match[2]), `"'`)
		if version != "1.0" {
			found.Warn(0, "The document declares XML %.60s. "+
				"It is not confirmed that Twilio accepts a version other than 1.0.", version)
		}
		head = len(match[0])
		if encoding != "" && !strings.EqualFold(encoding, "UTF-8") && !isASCII(source[head:]) {
			found.Warn(0, "The document declares the encoding %.60q. "+
				"It is not confirmed that Twilio accepts an encoding other than UTF-8.", encoding)
			converted := append([]byte(utf8Declaration), lineFeeds(match[0])...)
			source, head = append(converted, decode(source[head:], encoding)...), len(converted)
		}
	} else if after, has := bytes.CutPrefix(source, []byte("<?xml")); has && bytes.IndexAny(after, " \t\r\n?") == 0 {
		return nil, 0, found, &xml.SyntaxError{Line: 1, Msg: "the XML declaration is malformed"}
	}
	if !isXML(source) {
		const msg = "the document has bytes that are not XML characters in UTF-8"
		return nil, 0, found, &xml.SyntaxError{Line: 1, Msg: msg}
	}
	return source, head, found, nil
}

// lineFeeds returns the line feeds of a text without the rest.
func lineFeeds(text []byte) []byte {
	return bytes.Repeat([]byte("\n"), bytes.Count(text, []byte("\n")))
}

// decode converts a text to UTF-8. An unknown encoding is treated as UTF-8.
func decode(text []byte, encoding string) []byte {
	if e, _ := charset.Lookup(encoding); e != nil {
		text, _ = e.NewDecoder().Bytes(text) // the decoders replace invalid bytes
	}
	return text
}

// isXML reports whether a text is UTF-8 and has only characters that XML allows (https://www.w3.org/TR/xml/#charsets).
func isXML(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xFFFE || r == 0xFFFF
	})
}

func isASCII(text []byte) bool {
	return !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })
}
