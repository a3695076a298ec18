package session

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// maxDepth is how deep a record's unknown fields may nest: what is deeper is not ours.
const maxDepth = 32

// scanner walks over one JSON text (RFC 8259) once, without allocating: encoding/json takes ten times as long for a full
// record, more than everything else that a message costs here. It accepts what json.Valid accepts, up to maxDepth; a
// fuzz test holds it to that.
type scanner struct {
	text []byte
	pos  int
}

// object walks over an object and calls field with each name, without its quotes, and value, both as they stand in the
// text. It reports false for anything but an object.
func (s *scanner) object(depth int, field func(name, value []byte)) bool {
	return s.list('{', '}', func() bool {
		name, ok := s.string()
		if !ok || !s.take(':') {
			return false
		}
		s.space()
		value, ok := s.value(depth)
		if ok {
			field(name[1:len(name)-1], value)
		}
		return ok
	})
}

// list walks over elements between open and shut.
func (s *scanner) list(open, shut byte, element func() bool) bool {
	if !s.take(open) {
		return false
	}
	if s.take(shut) {
		return true
	}
	for {
		s.space()
		if !element() {
			return false
		}
		if s.take(shut) {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// value walks over one value and returns it as it stands in the text.
func (s *scanner) value(depth int) ([]byte, bool) {
	if s.pos >= len(s.text) || depth > maxDepth {
		return nil, false
	}
	start, ok := s.pos, false
	switch c := s.text[s.pos]; {
	case c == '"':
		_, ok = s.string()
	case c == '{':
		ok = s.object(depth+1, func(_, _ []byte) {})
	case c == '[':
		ok = s.list('[', ']', func() bool { _, ok := s.value(depth + 1); return ok })
	case c == '-' || isDigit(c):
		ok = s.number()
	default:
		ok = s.word("true") || s.word("false") || s.word("null")
	}
	return s.text[start:s.pos], ok
}

// string walks over a string and returns it with its quotes.
func (s *scanner) string() ([]byte, bool) {
	start := s.pos
	if !s.next('"') {
		return nil, false
	}
	for {
		s.pos += plain(s.text[s.pos:])
		switch {
		case s.next('"'):
			return s.text[start:s.pos], true
		case s.next('\\'):
			if !s.escape() {
				return nil, false
			}
		default: // a control character, or the end
			return nil, false
		}
	}
}

// plain counts the bytes at the beginning of s that stand for themselves in a string: no quote, backslash or control
// character. It looks at eight at a time: what is subtracted borrows from a byte's top bit where the byte was smaller, and
// a byte equal to c is zero, so smaller than 1, after an exclusive or with c.
func plain(s []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		if ((x-ones*' ')&^x|(quote-ones)&^quote|(slash-ones)&^slash)&tops != 0 {
			break
		}
	}
	for ; i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\'; i++ {
	}
	return i
}

// escape walks over what belongs to a backslash.
func (s *scanner) escape() bool {
	if s.pos >= len(s.text) {
		return false
	}
	c := s.text[s.pos]
	s.pos++
	if c != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	for range 4 {
		if s.pos >= len(s.text) || !isHex(s.text[s.pos]) {
			return false
		}
		s.pos++
	}
	return true
}

func (s *scanner) number() bool {
	s.next('-')
	if !s.next('0') && !s.digits() {
		return false
	}
	if s.next('.') && !s.digits() {
		return false
	}
	if s.next('e') || s.next('E') {
		_ = s.next('+') || s.next('-')
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.text[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

// take walks over white space and then c, if it is next.
func (s *scanner) take(c byte) bool {
	s.space()
	return s.next(c)
}

func (s *scanner) next(c byte) bool {
	if s.pos >= len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// end reports whether nothing but white space is left.
func (s *scanner) end() bool {
	s.space()
	return s.pos == len(s.text)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// text returns the string that a JSON value is, and false if it is something else.
func text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}
