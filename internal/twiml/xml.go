package twiml

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Element is an element of a document.
type Element struct {
	Name       string // as it is written, with its prefix
	Text       string // all text of its own, without that of its children
	Attributes []xml.Attr
	Children   []*Element
	Line       int
}

// Attribute returns the value of an attribute without a prefix, and whether the element has it.
func (e *Element) Attribute(name string) (string, bool) {
	i := slices.IndexFunc(e.Attributes, func(a xml.Attr) bool { return a.Name == xml.Name{Local: name} })
	if i < 0 {
		return "", false
	}
	return e.Attributes[i].Value, true
}

// trimmed returns the value of an attribute without white space around it, "" if the element does not have it.
func (e *Element) trimmed(attribute string) string {
	value, _ := e.Attribute(attribute)
	return strings.TrimSpace(value)
}

// parse parses a document as https://www.w3.org/TR/xml/ requires of a processor that does not validate, and returns its
// root. The findings are what Twilio may not accept. The error is an *xml.SyntaxError, which names the line.
//
// encoding/xml does most of the work. parse adds the checks that encoding/xml does not make. It does not read the
// declarations inside a document type, so their entities are unknown.
func parse(body []byte) (root *Element, found findings, err error) {
	text, found, err := readProlog(body)
	if err != nil {
		return nil, found, err
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	t := tree{open: []*Element{{}}, found: found}
	for {
		from := decoder.InputOffset()
		token, err := decoder.Token()
		line, _ := decoder.InputPos()
		problem := ""
		switch {
		case err == io.EOF && t.root() != nil:
			return t.root(), t.found, nil
		case err == io.EOF:
			problem = "there is no root element"
		case err != nil:
			return nil, t.found, err
		default:
			problem = t.add(token, text[from:decoder.InputOffset()], line)
		}
		if problem != "" {
			return nil, t.found, &xml.SyntaxError{Line: line, Msg: problem}
		}
	}
}

// tree is the part of a document that has been parsed.
type tree struct {
	open       []*Element // from the document, whose child is the root, inwards
	hasDocType bool
	found      findings
}

// root returns the root element, nil if it has not begun.
func (t *tree) root() *Element {
	if len(t.open[0].Children) == 0 {
		return nil
	}
	return t.open[0].Children[0]
}

// The right forms of a start tag and of the inside of a document type declaration, and a reference to half of a surrogate
// pair (U+D800 to U+DFFF, 55296 to 57343). The last is not a character, and encoding/xml turns it into U+FFFD.
var (
	spacedTag = regexp.MustCompile(`^[^"']*(?:(?:"[^"]*"|'[^']*')[ \t\r\n/>][^"']*)*$`)
	docType   = regexp.MustCompile(`^DOCTYPE[ \t\r\n]+[^ \t\r\n]`)
	surrogate = regexp.MustCompile(`&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|` +
		`0*(?:5529[6-9]|55[3-9][0-9]{2}|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]|5734[0-3]));`)
)

// add adds a token that encoding/xml accepts. raw is the token as it is written. add returns what is wrong with it, "" if it
// is right.
func (t *tree) add(token xml.Token, raw []byte, line int) (problem string) {
	hasRoot, isOutside := t.root() != nil, len(t.open) == 1
	switch token := token.(type) {
	case xml.StartElement:
		if isOutside && hasRoot {
			return "there is a second root element"
		}
		return t.begin(token, raw, line)
	case xml.EndElement:
		t.open = t.open[:len(t.open)-1]
	case xml.CharData:
		switch {
		case isOutside && len(bytes.Trim(raw, " \t\r\n")) > 0:
			return "there is text outside the root element"
		case !bytes.HasPrefix(raw, []byte("<![CDATA[")) && surrogate.Match(raw):
			return halfOfPair
		}
		t.open[len(t.open)-1].Text += string(token)
	case xml.ProcInst:
		rest := raw[len("<?")+len(token.Target):]
		switch {
		case strings.EqualFold(token.Target, "xml"):
			return "the XML declaration is not at the very beginning"
		case !bytes.HasPrefix(rest, []byte("?>")) && bytes.IndexAny(rest, " \t\r\n") != 0:
			return "a processing instruction has no space after its target"
		}
	case xml.Directive:
		if !docType.Match(token) || hasRoot || t.hasDocType {
			return "there is a declaration where none is allowed"
		}
		t.hasDocType = true
		t.found.warn(0, "The document has a document type declaration. It is not confirmed that Twilio accepts one.")
	}
	return ""
}

const halfOfPair = "a character reference is half of a surrogate pair"

// begin adds an element.
func (t *tree) begin(start xml.StartElement, raw []byte, line int) (problem string) {
	names := make(map[xml.Name]bool, len(start.Attr))
	for _, a := range start.Attr {
		names[a.Name] = true
	}
	switch {
	case len(start.Attr) > 1 && !spacedTag.Match(raw):
		return "there is no space between two attributes"
	case len(names) < len(start.Attr):
		return "an element has the same attribute twice"
	case surrogate.Match(raw):
		return halfOfPair
	}
	end := 1 + bytes.IndexAny(raw[1:], " \t\r\n/>")
	e := &Element{Name: string(raw[1:end]), Attributes: start.Attr, Line: line}
	parent := t.open[len(t.open)-1]
	parent.Children = append(parent.Children, e)
	t.open = append(t.open, e)
	return ""
}
