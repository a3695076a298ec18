package phone

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// quickVerbs reads the documents that almost every webhook answers with: a declaration or none, a Response, Messages
// without attributes and with nothing but text or one Body in them. It takes a twentieth of the time of parseXML, which
// matters to thousands of phones at once. Whatever else there is, well-formed or not, is not for it, and ok is false.
func quickVerbs(body []byte) (verbs []verb, ok bool) {
	q := quickReader(body)
	if !q.skip(`<?xml version="1.0" encoding="UTF-8"?>`) {
		q.skip(`<?xml version="1.0" encoding="utf-8"?>`)
	}
	q.blanks()
	if q.skip("<Response/>") || q.skip("<Response />") {
		q.blanks()
		return nil, len(q) == 0
	}
	if !q.skip("<Response>") {
		return nil, false
	}
	for q.blanks(); q.skip("<Message>"); q.blanks() {
		inBody := q.skip("<Body>")
		text, ok := q.text()
		if !ok || inBody && !q.skip("</Body>") || !q.skip("</Message>") {
			return nil, false
		}
		verbs = append(verbs, verb{kind: verbMessage, body: text})
	}
	if !q.skip("</Response>") {
		return nil, false
	}
	q.blanks()
	return verbs, len(q) == 0
}

// quickReader is what is still to be read.
type quickReader []byte

// skip reads what is given, if it is there.
func (q *quickReader) skip(literal string) bool {
	if len(*q) < len(literal) || string((*q)[:len(literal)]) != literal {
		return false
	}
	*q = (*q)[len(literal):]
	return true
}

func (q *quickReader) blanks() {
	for len(*q) > 0 && space((*q)[0]) {
		*q = (*q)[1:]
	}
}

// text reads up to the next tag.
func (q *quickReader) text() (string, bool) {
	end := bytes.IndexByte(*q, '<')
	if end < 0 {
		return "", false
	}
	raw := (*q)[:end]
	*q = (*q)[end:]
	// A carriage return becomes a line feed, and "]]>" cannot stand in text: both are rare.
	if !legal(raw) || bytes.IndexByte(raw, '\r') >= 0 || bytes.Contains(raw, []byte("]]>")) {
		return "", false
	}
	if bytes.IndexByte(raw, '&') < 0 {
		return string(raw), true
	}
	return unescape(raw)
}

// unescape replaces the five entities of XML and the references to characters.
func unescape(raw []byte) (string, bool) {
	var text strings.Builder
	text.Grow(len(raw))
	for {
		before, rest, found := bytes.Cut(raw, []byte("&"))
		text.Write(before)
		if !found {
			return text.String(), true
		}
		r, length, ok := entity(rest)
		if !ok {
			return "", false
		}
		text.WriteRune(r)
		raw = rest[length:]
	}
}

// entity reads what stands behind an ampersand, its semicolon included.
func entity(text []byte) (r rune, length int, ok bool) {
	if rest, found := bytes.CutPrefix(text, []byte("#")); found {
		r, length, ok = reference(rest)
		return r, length + 1, ok && legalRune(r)
	}
	name, _, found := bytes.Cut(text[:min(len(text), len("apos;"))], []byte(";"))
	if !found {
		return 0, 0, false
	}
	return named(string(name)), len(name) + 1, named(string(name)) != 0
}

func named(entity string) rune {
	switch entity {
	case "amp":
		return '&'
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "apos":
		return '\''
	case "quot":
		return '"'
	default:
		return 0
	}
}

// reference reads the number of a character, from behind "&#" to the semicolon and with it.
func reference(text []byte) (r rune, length int, ok bool) {
	end := bytes.IndexByte(text, ';')
	if end < 0 {
		return 0, 0, false
	}
	digits, base := string(text[:end]), 10
	if rest, found := strings.CutPrefix(digits, "x"); found {
		digits, base = rest, 16
	}
	number, err := strconv.ParseUint(digits, base, 32)
	return rune(number), end + 1, err == nil
}

// legalRune is legal for one character.
func legalRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && utf8.ValidRune(r) && r != 0xFFFE && r != 0xFFFF
}
