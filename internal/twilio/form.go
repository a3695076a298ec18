package twilio

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The faults of a form. No fault contains the name of the parameter, because the sender chose the name.
var (
	errCount  = fmt.Errorf("the form has more than %d parameters", maxParams)
	errName   = errors.New("the form has a parameter with a name that Twilio does not use")
	errEscape = errors.New("the form has a broken percent-encoding")
)

// maxParams is far above what Twilio sends: 20 to 40.
const maxParams = 256

// Form is the parameters of an application/x-www-form-urlencoded body, sorted bytewise by name and then by value. Two
// equal pairs are one parameter. Twilio signs the parameters in this order and without such duplicates. The zero Form
// is empty. A Form never changes, so it is safe for concurrent use.
type Form struct {
	text   string // all names and values, decoded, in the order of the body
	params []param
}

// param is one parameter, as offsets into the text: its name is from name to value, and its value is from value to end.
// It has offsets and not strings, because each move of a string while sorting needs the write barrier of the garbage
// collector.
type param struct {
	name, value, end int
	rank             uint64 // the first eight bytes of the name, which decide most comparisons
}

// ParseForm parses a body. It follows the WHATWG URL standard: a plus sign is a space, a semicolon is an ordinary byte,
// empty values are kept, and two adjacent ampersands have no parameter between them. Bytes that are not UTF-8 are kept
// unchanged, because Twilio signs the bytes. Unlike in the standard, these are errors:
//   - a broken percent-encoding, because the signed text is then not known;
//   - a name that is empty or has other characters than A-Z, a-z, 0-9 and _ . -, which Twilio does not send;
//   - more than 256 parameters, including empty ones between two ampersands; this is checked before memory is
//     allocated.
//
// The error is one plain sentence that may be sent to the client.
//
// See https://url.spec.whatwg.org/#urlencoded-parsing.
func ParseForm(body []byte) (Form, error) {
	count := bytes.Count(body, []byte("&")) + 1
	if count > maxParams {
		return Form{}, errCount
	}
	var d decoder
	// Decoded text is never longer than the body, so this is the only allocation of text.
	d.text.Grow(len(body))
	params := make([]param, 0, count)
	for piece := range bytes.SplitSeq(body, []byte("&")) {
		if len(piece) > 0 {
			params = append(params, d.param(piece))
		}
	}
	if d.err != nil {
		return Form{}, d.err
	}
	f := Form{text: d.text.String(), params: params}
	slices.SortFunc(f.params, func(a, b param) int { return f.compare(a, b) })
	f.params = slices.CompactFunc(f.params, func(a, b param) bool { return f.compare(a, b) == 0 })
	return f, nil
}

// Get returns the value of a parameter. It returns "" if the parameter is absent. If there are several values, it
// returns the first in sorted order. An attacker who captured a request can reorder its repeated parameters without
// making the signature invalid, so the order in the body must not matter.
func (f Form) Get(name string) string {
	if i, found := f.search(name); found {
		return f.value(f.params[i])
	}
	return ""
}

// Has reports whether the parameter is present, even if its value is empty.
func (f Form) Has(name string) bool {
	_, found := f.search(name)
	return found
}

func (f Form) search(name string) (int, bool) {
	return slices.BinarySearchFunc(f.params, name, func(p param, name string) int {
		return strings.Compare(f.name(p), name)
	})
}

func (f Form) name(p param) string  { return f.text[p.name:p.value] }
func (f Form) value(p param) string { return f.text[p.value:p.end] }

func (f Form) compare(a, b param) int {
	if a.rank != b.rank {
		return cmp.Compare(a.rank, b.rank)
	}
	if c := strings.Compare(f.name(a), f.name(b)); c != 0 {
		return c
	}
	return strings.Compare(f.value(a), f.value(b))
}

// appendSigned appends the part of the signed text that comes from the form: every name with its value, without
// separators.
func (f Form) appendSigned(dst []byte) []byte {
	for _, p := range f.params {
		dst = append(dst, f.text[p.name:p.end]...)
	}
	return dst
}

// decoder decodes names and values, one after the other, into one text.
type decoder struct {
	text strings.Builder
	err  error
}

func (d *decoder) param(piece []byte) param {
	name, value, _ := bytes.Cut(piece, []byte("="))
	p := param{name: d.text.Len()}
	d.decode(name)
	p.value = d.text.Len()
	decoded := d.text.String()[p.name:]
	if !isName(decoded) {
		d.err = errName
	}
	p.rank = rank(decoded)
	d.decode(value)
	p.end = d.text.Len()
	return p
}

// isName reports whether the name can be the name of one of Twilio's parameters. It must not contain characters of
// values, because a signature does not separate names from values.
func isName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return name != ""
}

// rank orders names by their first eight bytes. A shorter name is padded with zeros, so its rank is not higher than
// that of a longer name with the same beginning.
func rank(name string) uint64 {
	var first [8]byte
	copy(first[:], name)
	return binary.BigEndian.Uint64(first[:])
}

func (d *decoder) decode(s []byte) {
	for len(s) > 0 {
		n := plain(s)
		d.text.Write(s[:n])
		s = d.special(s[n:])
	}
}

// special decodes the plus sign or the escape at the beginning of s. It returns the rest of s.
func (d *decoder) special(s []byte) []byte {
	switch {
	case len(s) == 0:
		return nil
	case s[0] == '+':
		d.text.WriteByte(' ')
		return s[1:]
	case len(s) > 2 && hex(s[1]) < 16 && hex(s[2]) < 16:
		d.text.WriteByte(hex(s[1])<<4 | hex(s[2]))
		return s[3:]
	}
	d.err = errEscape
	return nil
}

// plain returns the number of bytes at the beginning of s that are neither a plus sign nor a percent sign.
func plain(s []byte) int {
	for i, c := range s {
		if c == '%' || c == '+' {
			return i
		}
	}
	return len(s)
}

// hex returns the value of a hexadecimal digit, and 16 for any other byte.
func hex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
