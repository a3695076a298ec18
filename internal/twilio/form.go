package twilio

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
)

// maxParams limits the number of parameters. Twilio sends 20 to 40.
const maxParams = 256

// The errors of ParseForm. No error contains the name of a parameter, because the sender chose the name.
var (
	errTooMany = fmt.Errorf("the form has more than %d parameters", maxParams)
	errName    = errors.New("the form has a parameter with a name that Twilio does not use")
	errEscape  = errors.New("the form has a broken percent-encoding")
)

// Form is the parameters of an application/x-www-form-urlencoded body, sorted bytewise by name and then by value. Two
// equal pairs are one parameter. Twilio signs the parameters in this order and without such duplicates. The zero Form
// is empty. A Form never changes, so it is safe for concurrent use.
type Form struct {
	encoded string
	params  []param // in the order of the body
	sorted  []uint8 // indexes of params; sorting the strings would cost a write barrier for each move
}

type param struct{ name, value string }

// ParseForm parses a body. It follows the WHATWG URL standard: a plus sign is a space, a semicolon is an ordinary byte,
// empty values are kept, and two adjacent ampersands have no parameter between them. Bytes that are not UTF-8 are kept
// unchanged, because Twilio signs the bytes. Unlike in the standard, these are errors:
//   - a broken percent-encoding, because the signed text is then not known;
//   - a name that is empty or has a character other than A-Z, a-z, 0-9 and _ . -, because Twilio sends no such name;
//   - more than 256 parameters, including empty ones between two ampersands; this is checked before memory is
//     allocated.
//
// The error is one plain sentence that may be sent to the client.
//
// See https://url.spec.whatwg.org/#urlencoded-parsing.
func ParseForm(body []byte) (Form, error) {
	count := bytes.Count(body, []byte("&")) + 1
	if count > maxParams {
		return Form{}, errTooMany
	}
	f := Form{encoded: string(body), params: make([]param, 0, count), sorted: make([]uint8, 0, count)}
	for piece := range strings.SplitSeq(f.encoded, "&") {
		if piece == "" {
			continue
		}
		p, err := parseParam(piece)
		if err != nil {
			return Form{}, err
		}
		f.sorted = append(f.sorted, uint8(len(f.params)))
		f.params = append(f.params, p)
	}
	slices.SortFunc(f.sorted, f.compare)
	f.sorted = slices.CompactFunc(f.sorted, func(a, b uint8) bool { return f.compare(a, b) == 0 })
	return f, nil
}

func parseParam(piece string) (param, error) {
	name, value, _ := strings.Cut(piece, "=")
	name, err1 := url.QueryUnescape(name)
	value, err2 := url.QueryUnescape(value)
	switch {
	case err1 != nil || err2 != nil:
		return param{}, errEscape
	case !isName(name):
		return param{}, errName
	}
	return param{name, value}, nil
}

func (f Form) compare(a, b uint8) int {
	if c := strings.Compare(f.params[a].name, f.params[b].name); c != 0 {
		return c
	}
	return strings.Compare(f.params[a].value, f.params[b].value)
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

// Encoded returns the body from which the form was parsed.
func (f Form) Encoded() string { return f.encoded }

// Get returns the value of a parameter. It returns "" if the parameter is absent. If there are several values, it
// returns the first in sorted order. An attacker who captured a request can reorder its repeated parameters without
// making the signature invalid, so the order in the body must not matter.
func (f Form) Get(name string) string {
	if i, found := f.search(name); found {
		return f.params[f.sorted[i]].value
	}
	return ""
}

// Has reports whether the parameter is present, even if its value is empty.
func (f Form) Has(name string) bool {
	_, found := f.search(name)
	return found
}

// All returns the names and values in sorted order.
func (f Form) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, i := range f.sorted {
			if !yield(f.params[i].name, f.params[i].value) {
				return
			}
		}
	}
}

// search returns the index in sorted of the first parameter whose name is not less than the given one.
func (f Form) search(name string) (index int, found bool) {
	return slices.BinarySearchFunc(f.sorted, name, func(i uint8, name string) int {
		return strings.Compare(f.params[i].name, name)
	})
}

// AppendSigned appends the part of the signed text that comes from the form: every name with its value, without
// separators.
func (f Form) AppendSigned(dst []byte) []byte {
	for _, i := range f.sorted {
		dst = append(append(dst, f.params[i].name...), f.params[i].value...)
	}
	return dst
}
