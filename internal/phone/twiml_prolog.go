package phone

import (
	"bytes"
	"regexp"
	"strings"
)

// declarationForm is an XML declaration (https://www.w3.org/TR/xml/#NT-XMLDecl): version, encoding, standalone.
var declarationForm = regexp.MustCompile(`^<\?xml` +
	`[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"(1\.[0-9]+)"|'(1\.[0-9]+)')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?` +
	`[ \t\r\n]*\?>$`)

// prolog takes off what stands before the document proper, a byte order mark and the declaration, and turns the rest
// into UTF-8.
func (p *parser) prolog() error {
	if rest, found := bytes.CutPrefix(p.body, []byte("\uFEFF")); found {
		p.body = rest
		p.doubts = append(p.doubts, "The document begins with a byte order mark. Whether Twilio takes one is not confirmed.")
	}
	if rest, found := bytes.CutPrefix(p.body, []byte("<?xml")); found && len(rest) > 0 && (space(rest[0]) || rest[0] == '?') {
		if err := p.declared(); err != nil {
			return err
		}
	}
	if !legal(p.body) {
		return p.malformed("there are bytes that are no characters of XML in UTF-8")
	}
	return nil
}

// declared takes off the declaration.
func (p *parser) declared() error {
	end := bytes.Index(p.body, []byte("?>"))
	if end < 0 {
		return p.malformed("the XML declaration does not end")
	}
	end += len("?>")
	parts := declarationForm.FindSubmatch(p.body[:end])
	if parts == nil {
		return p.malformed("the XML declaration is not as it should be")
	}
	version, encoding := string(parts[1])+string(parts[2]), string(parts[3])+string(parts[4])
	p.skipped, p.body = bytes.Count(p.body[:end], []byte("\n")), p.body[end:]
	if version != "1.0" {
		p.doubts = append(p.doubts, "The document declares XML "+version+". Whether Twilio takes another version than 1.0 is not confirmed.")
	}
	p.decode(encoding)
	return nil
}

// decode turns the rest of the document into UTF-8 by its declared encoding: ISO 8859-1 is known, every other is taken
// for UTF-8.
func (p *parser) decode(encoding string) {
	if encoding == "" || strings.EqualFold(encoding, "UTF-8") || ascii(p.body) {
		return
	}
	p.doubts = append(p.doubts, "The document declares the encoding "+quote(encoding)+". Whether Twilio takes another one than UTF-8 is not confirmed.")
	if strings.EqualFold(encoding, "ISO-8859-1") {
		p.body = fromLatin1(p.body)
	}
}

func fromLatin1(text []byte) []byte {
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return []byte(string(runes))
}
