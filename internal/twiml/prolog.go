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

// readProlog returns a document in UTF-8 without its byte order mark and its XML declaration. It keeps the line feeds
// of the declaration, so that lines keep their numbers. The error is an *xml.SyntaxError.
func readProlog(text []byte) (_ []byte, found Findings, err error) {
	text, hasMark := bytes.CutPrefix(text, []byte("\uFEFF"))
	if hasMark {
		found.Warn(0, "The document begins with a byte order mark. It is not confirmed that Twilio accepts one.")
	}
	if match := declaration.FindSubmatch(text); match != nil {
		version, encoding := strings.Trim(string(match[1]), `"'`), strings.Trim(string(match[2]), `"'`)
		if version != "1.0" {
			found.Warn(0, "The document declares XML %.60s. "+
				"It is not confirmed that Twilio accepts a version other than 1.0.", version)
		}
		lines, rest := bytes.Repeat([]byte("\n"), bytes.Count(match[0], []byte("\n"))), text[len(match[0]):]
		if encoding != "" && !strings.EqualFold(encoding, "UTF-8") && !isASCII(rest) {
			found.Warn(0, "The document declares the encoding %.60q. "+
				"It is not confirmed that Twilio accepts an encoding other than UTF-8.", encoding)
			rest = decode(rest, encoding)
		}
		text = append(lines, rest...)
	} else if rest, has := bytes.CutPrefix(text, []byte("<?xml")); has && bytes.IndexAny(rest, " \t\r\n?") == 0 {
		return nil, found, &xml.SyntaxError{Line: 1, Msg: "the XML declaration is malformed"}
	}
	if !isXML(text) {
		return nil, found, &xml.SyntaxError{Line: 1, Msg: "the document has bytes that are not XML characters in UTF-8"}
	}
	return text, found, nil
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
