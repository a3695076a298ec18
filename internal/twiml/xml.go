package twiml

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Element is an element of a document. An Element without a name is text.
type Element struct {
	Name       string // as it is written, with its prefix
	Text       string
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

// parse parses a document as https://www.w3.org/TR/xml/ requires of a processor that does not validate, and returns its
// root. It calls warn with what Twilio may not accept. The error names the line.
//
// encoding/xml does most of the work. parse adds the checks that encoding/xml does not make. It does not read the
// declarations inside a document type, so their entities are unknown.
func parse(body []byte, warn func(format string, args ...any)) (*Element, error) {
	text, err := readProlog(body, warn)
	if err != nil {
		return nil, err
	}
	document := &Element{}
	p := parser{decoder: xml.NewDecoder(bytes.NewReader(text)), document: document, open: []*Element{document}, warn: warn}
	for {
		from := p.decoder.InputOffset()
		token, err := p.decoder.Token()
		switch {
		case err == io.EOF && len(document.Children) == 0:
			return nil, p.error("there is no root element")
		case err == io.EOF:
			return document.Children[0], nil
		case err != nil:
			return nil, err
		}
		raw := text[from:p.decoder.InputOffset()]
		if problem := p.problem(token, raw); problem != "" {
			return nil, p.error(problem)
		}
		p.add(token, raw)
	}
}

// parser is the state of parse.
type parser struct {
	decoder    *xml.Decoder
	document   *Element   // the parent of the root
	open       []*Element // from the document inwards
	hasDocType bool
	warn       func(format string, args ...any)
}

func (p *parser) error(problem string) error {
	line, _ := p.decoder.InputPos()
	return &xml.SyntaxError{Line: line, Msg: problem}
}

// add adds a token to the tree. raw is the token as it is written.
func (p *parser) add(token xml.Token, raw []byte) {
	parent := p.open[len(p.open)-1]
	switch t := token.(type) {
	case xml.StartElement:
		line, _ := p.decoder.InputPos()
		end := 1 + bytes.IndexAny(raw[1:], " \t\r\n/>")
		e := &Element{Name: string(raw[1:end]), Attributes: slices.Clone(t.Attr), Line: line}
		parent.Children = append(parent.Children, e)
		p.open = append(p.open, e)
	case xml.EndElement:
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		if parent != p.document {
			parent.Children = append(parent.Children, &Element{Text: string(t)})
		}
	case xml.Directive:
		p.hasDocType = true
		p.warn("The document has a document type declaration. It is not confirmed that Twilio accepts one.")
	}
}

// The right forms of a start tag and of the inside of a document type declaration.
var (
	spacedTag = regexp.MustCompile(`^[^"']*(?:(?:"[^"]*"|'[^']*')[ \t\r\n/>][^"']*)*$`)
	docType   = regexp.MustCompile(`^DOCTYPE[ \t\r\n]+[^ \t\r\n]`)
)

// problem returns what is wrong with a token that encoding/xml accepts, "" if it is right.
func (p *parser) problem(token xml.Token, raw []byte) string {
	hasRoot, isOutside := len(p.document.Children) > 0, len(p.open) == 1
	switch t := token.(type) {
	case xml.StartElement:
		switch {
		case isOutside && hasRoot:
			return "there is a second root element"
		case len(t.Attr) > 1 && !spacedTag.Match(raw):
			return "there is no space between two attributes"
		case hasDuplicate(t.Attr):
			return "an element has the same attribute twice"
		case hasSurrogate(raw):
			return "a character reference is half of a surrogate pair"
		}
	case xml.CharData:
		switch {
		case isOutside && len(bytes.Trim(raw, " \t\r\n")) > 0:
			return "there is text outside the root element"
		case !bytes.HasPrefix(raw, []byte("<![CDATA[")) && hasSurrogate(raw):
			return "a character reference is half of a surrogate pair"
		}
	case xml.ProcInst:
		rest := raw[len("<?")+len(t.Target):]
		switch {
		case strings.EqualFold(t.Target, "xml"):
			return "the XML declaration is not at the very beginning"
		case !bytes.HasPrefix(rest, []byte("?>")) && bytes.IndexAny(rest, " \t\r\n") != 0:
			return "a processing instruction has no space after its target"
		}
	case xml.Directive:
		if !docType.Match(t) || hasRoot || p.hasDocType {
			return "there is a declaration where none is allowed"
		}
	}
	return ""
}

func hasDuplicate(attributes []xml.Attr) bool {
	seen := make(map[xml.Name]bool, len(attributes))
	for _, a := range attributes {
		if seen[a.Name] {
			return true
		}
		seen[a.Name] = true
	}
	return false
}

var reference = regexp.MustCompile(`&#(x?)([0-9a-fA-F]+);`)

// hasSurrogate reports whether there is a reference to half of a surrogate pair, which is not a character. encoding/xml
// turns it into U+FFFD.
func hasSurrogate(raw []byte) bool {
	for _, match := range reference.FindAllSubmatch(raw, -1) {
		base := 10
		if len(match[1]) > 0 {
			base = 16
		}
		number, err := strconv.ParseUint(string(match[2]), base, 32)
		if err == nil && utf16.IsSurrogate(rune(number)) {
			return true
		}
	}
	return false
}
