package twiml

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// declaration matches an XML declaration (https://www.w3.org/TR/xml/#NT-XMLDecl). It captures the version and the encoding,
// each in one of two groups.
var declaration = regexp.MustCompile(`^<\?xml` +
	`[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"(1\.[0-9]+)"|'(1\.[0-9]+)')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?` +
	`[ \t\r\n]*\?>`)

// readProlog removes a byte order mark and the XML declaration, and converts the rest to UTF-8. It keeps the line feeds, so
// that lines keep their numbers.
func (p *parser) readProlog(body []byte) error {
	p.text = body
	if rest, found := bytes.CutPrefix(body, []byte("\uFEFF")); found {
		p.text = rest
		p.warn("The document begins with a byte order mark. It is not confirmed that Twilio accepts one.")
	}
	if rest, found := bytes.CutPrefix(p.text, []byte("<?xml")); found && len(rest) > 0 && (isSpace(rest[0]) || rest[0] == '?') {
		match := declaration.FindSubmatch(p.text)
		if match == nil {
			return p.errorf("the XML declaration is malformed")
		}
		if version := string(match[1]) + string(match[2]); version != "1.0" {
			p.warn("The document declares XML %s. It is not confirmed that Twilio accepts another version than 1.0.", clip(version))
		}
		lines := bytes.Repeat([]byte("\n"), bytes.Count(match[0], []byte("\n")))
		p.text = append(lines, p.decode(p.text[len(match[0]):], string(match[3])+string(match[4]))...)
	}
	if !isXML(p.text) {
		return p.errorf("there are bytes that are not XML characters in UTF-8")
	}
	return nil
}

// decode converts a text to UTF-8. An unknown encoding is treated as UTF-8.
func (p *parser) decode(text []byte, encoding string) []byte {
	if encoding == "" || strings.EqualFold(encoding, "UTF-8") || isASCII(text) {
		return text
	}
	p.warn("The document declares the encoding %s. It is not confirmed that Twilio accepts another one than UTF-8.", quote(encoding))
	reader, err := charset.NewReaderLabel(encoding, bytes.NewReader(text))
	if err != nil {
		return text
	}
	decoded, _ := io.ReadAll(reader) // the decoders replace invalid bytes
	return decoded
}

// isXML reports whether a text is UTF-8 and has only the characters of XML (https://www.w3.org/TR/xml/#charsets).
func isXML(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && !isSpace(byte(r)) || r == 0xFFFE || r == 0xFFFF
	})
}
