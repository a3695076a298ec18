package twiml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
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
// root. The warnings are about what Twilio may not accept. The error names the line, and is not a whole sentence.
//
// encoding/xml does most of the work. parse adds the checks that encoding/xml does not make. It does not read the
// declarations inside a document type, so their entities are unknown.
func parse(body []byte) (root *Element, warnings []string, err error) {
	var p parser
	if err := p.readProlog(body); err != nil {
		return nil, p.warnings, err
	}
	p.decoder = xml.NewDecoder(bytes.NewReader(p.text))
	for {
		from := p.decoder.InputOffset()
		token, err := p.decoder.Token()
		if err == io.EOF {
			break
		}
		if syntax := (*xml.SyntaxError)(nil); errors.As(err, &syntax) {
			return nil, p.warnings, fmt.Errorf("line %d: %s", syntax.Line, clip(syntax.Msg))
		}
		if err == nil {
			err = p.add(token, p.text[from:p.decoder.InputOffset()])
		}
		if err != nil {
			return nil, p.warnings, err
		}
	}
	if p.root == nil {
		return nil, p.warnings, p.errorf("there is no root element")
	}
	return p.root, p.warnings, nil
}

// parser is the state of parse.
type parser struct {
	text       []byte // the document in UTF-8, without its declaration
	decoder    *xml.Decoder
	root       *Element
	open       []*Element // from the root inwards
	hasDocType bool
	warnings   []string
}

func (p *parser) errorf(format string, args ...any) error {
	line := 1
	if p.decoder != nil {
		line, _ = p.decoder.InputPos()
	}
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

func (p *parser) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// add adds a token to the tree. raw is the token as it is written.
func (p *parser) add(token xml.Token, raw []byte) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t, raw)
	case xml.EndElement:
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		return p.addText(t, raw)
	case xml.ProcInst:
		return p.checkInstruction(t, raw)
	case xml.Directive:
		return p.checkDirective(t)
	}
	return nil
}

// spacedTag matches a start tag with white space between its attributes.
var spacedTag = regexp.MustCompile(`^[^"']*(?:(?:"[^"]*"|'[^']*')[ \t\r\n/>][^"']*)*$`)

func (p *parser) start(t xml.StartElement, raw []byte) error {
	line, _ := p.decoder.InputPos()
	end := 1 + bytes.IndexAny(raw[1:], " \t\r\n/>")
	e := &Element{Name: string(raw[1:end]), Attributes: slices.Clone(t.Attr), Line: line}
	switch {
	case len(p.open) == 0 && p.root != nil:
		return p.errorf("<%s> is a second root element", clip(e.Name))
	case len(t.Attr) > 1 && !spacedTag.Match(raw):
		return p.errorf("there is no space between two attributes of <%s>", clip(e.Name))
	case hasSurrogate(raw):
		return p.errorf("a character reference is half of a surrogate pair")
	}
	for i, a := range t.Attr {
		if slices.ContainsFunc(t.Attr[:i], func(b xml.Attr) bool { return b.Name == a.Name }) {
			return p.errorf("<%s> has the same attribute twice", clip(e.Name))
		}
	}
	if p.root == nil {
		p.root = e
	} else {
		p.append(e)
	}
	p.open = append(p.open, e)
	return nil
}

func (p *parser) append(e *Element) {
	parent := p.open[len(p.open)-1]
	parent.Children = append(parent.Children, e)
}

func (p *parser) addText(text xml.CharData, raw []byte) error {
	isCDATA := bytes.HasPrefix(raw, []byte("<![CDATA["))
	switch {
	case len(p.open) == 0 && len(bytes.Trim(raw, " \t\r\n")) > 0:
		return p.errorf("there is text outside the root element")
	case !isCDATA && hasSurrogate(raw):
		return p.errorf("a character reference is half of a surrogate pair")
	case len(p.open) > 0:
		p.append(&Element{Text: string(text)})
	}
	return nil
}

func (p *parser) checkInstruction(t xml.ProcInst, raw []byte) error {
	rest := raw[len("<?")+len(t.Target):]
	switch {
	case strings.EqualFold(t.Target, "xml"):
		return p.errorf("the XML declaration is not at the very beginning")
	case !bytes.HasPrefix(rest, []byte("?>")) && !isSpace(rest[0]):
		return p.errorf("a processing instruction has no space after its target")
	}
	return nil
}

func (p *parser) checkDirective(t xml.Directive) error {
	name, found := bytes.CutPrefix(t, []byte("DOCTYPE"))
	if !found || len(name) == 0 || !isSpace(name[0]) || isBlank(string(name)) || p.root != nil || p.hasDocType {
		return p.errorf("there is a declaration where none is allowed")
	}
	p.hasDocType = true
	p.warn("The document has a document type declaration. It is not confirmed that Twilio accepts one.")
	return nil
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

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
