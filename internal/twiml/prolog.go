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

// declaration matches an XML declaration (https://www.w3.org/TR/xml/#NT-XMLDecl). It captures the version and the encoding,
// with their quotes.
var declaration = regexp.MustCompile(`^<\?xml` +
	`[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*("1\.[0-9]+"|'1\.[0-9]+')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*("[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?` +
	`[ \t\r\n]*\?>`)

// readProlog returns a document in UTF-8 without its byte order mark and its XML declaration. It keeps the line feeds of
// the declaration, so that lines keep their numbers.
func readProlog(text []byte, warn func(format string, args ...any)) ([]byte, error) {
	text, hasMark := bytes.CutPrefix(text, []byte("\uFEFF"))
	if hasMark {
		warn("The document begins with a byte order mark. It is not confirmed that Twilio accepts one.")
	}
	if match := declaration.FindSubmatch(text); match != nil {
		if version := unquote(match[1]); version != "1.0" {
			warn("The document declares XML %.60s. It is not confirmed that Twilio accepts another version than 1.0.", version)
		}
		lines := bytes.Repeat([]byte("\n"), bytes.Count(match[0], []byte("\n")))
		text = append(lines, decode(text[len(match[0]):], unquote(match[2]), warn)...)
	} else if rest, found := bytes.CutPrefix(text, []byte("<?xml")); found && bytes.IndexAny(rest, " \t\r\n?") == 0 {
		return nil, &xml.SyntaxError{Line: 1, Msg: "the XML declaration is malformed"}
	}
	if !isXML(text) {
		return nil, &xml.SyntaxError{Line: 1, Msg: "there are bytes that are not XML characters in UTF-8"}
	}
	return text, nil
}

func unquote(quoted []byte) string { return strings.Trim(string(quoted), `"'`) }

// decode converts a text to UTF-8. An unknown encoding is treated as UTF-8.
func decode(text []byte, encoding string, warn func(format string, args ...any)) []byte {
	if encoding == "" || strings.EqualFold(encoding, "UTF-8") || isASCII(text) {
		return text
	}
	warn("The document declares the encoding %.60q. It is not confirmed that Twilio accepts another one than UTF-8.", encoding)
	found, _ := charset.Lookup(encoding)
	if found == nil {
		return text
	}
	decoded, _ := found.NewDecoder().Bytes(text) // the decoders replace invalid bytes
	return decoded
}

// isXML reports whether a text is UTF-8 and has only the characters of XML (https://www.w3.org/TR/xml/#charsets).
func isXML(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xFFFE || r == 0xFFFF
	})
}

func isASCII(text []byte) bool {
	return !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })
}
