package phone

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// node is an element, or, without a name, a run of text.
type node struct {
	name       string // as it is written, with its prefix
	text       string
	attributes []attribute
	nodes      []*node
	line       int
}

type attribute struct {
	name     string // without its prefix
	value    string
	prefixed bool
}

// attribute returns the value of an attribute, and whether it is there.
func (n *node) attribute(name string) (string, bool) {
	for _, a := range n.attributes {
		if a.name == name && !a.prefixed {
			return a.value, true
		}
	}
	return "", false
}

// short is the name for a sentence.
func (n *node) short() string { return clip(n.name) }

// parsed is a document of XML, and what of it is not confirmed that Twilio takes.
type parsed struct {
	root   *node
	doubts []string // sentences
}

// malformedError says that a document is not well-formed.
type malformedError struct {
	line    int
	problem string // a sentence without its full stop, in lower case
}

func (e *malformedError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.problem) }

// parseXML reads a document as https://www.w3.org/TR/xml/ asks of a processor that does not validate. The error is a
// *malformedError. encoding/xml does most of it. What it lets pass stands here: characters that XML does not have,
// declarations in the wrong place or shape, more or less than one root, text outside it, attributes given twice or
// without a space between, and characters by the number of half a surrogate pair.
//
// Of a document type declaration only the outside is read: its entities are unknown afterwards.
func parseXML(body []byte) (parsed, error) {
	p := parser{body: body}
	if err := p.prolog(); err != nil {
		return p.parsed, err
	}
	p.decoder = xml.NewDecoder(bytes.NewReader(p.body))
	for {
		more, err := p.next()
		if err != nil || !more {
			return p.parsed, err
		}
	}
}

// parser is the state of parseXML.
type parser struct {
	parsed
	body    []byte
	skipped int // lines of the prolog
	decoder *xml.Decoder
	open    []*node // from the root inwards
	doctype bool
}

func (p *parser) malformed(format string, args ...any) error {
	line := 1 + p.skipped
	if p.decoder != nil {
		line, _ = p.decoder.InputPos()
		line += p.skipped
	}
	return &malformedError{line: line, problem: fmt.Sprintf(format, args...)}
}

// next reads one token and reports whether there may be another.
func (p *parser) next() (bool, error) {
	from := p.decoder.InputOffset()
	token, err := p.decoder.RawToken()
	if err == io.EOF {
		return false, p.end()
	}
	if err != nil {
		return false, p.refused(err)
	}
	raw := p.body[from:p.decoder.InputOffset()]
	switch t := token.(type) {
	case xml.StartElement:
		return true, p.start(t, raw)
	case xml.EndElement:
		return true, p.close(t)
	case xml.CharData:
		return true, p.characters(t, raw)
	case xml.ProcInst:
		return true, p.instruction(t, raw)
	case xml.Directive:
		return true, p.directive(t)
	default: // a comment
		return true, nil
	}
}

// refused turns an error of encoding/xml into ours.
func (p *parser) refused(err error) error {
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return p.malformed("%v", err)
	}
	return &malformedError{line: syntax.Line + p.skipped, problem: clip(syntax.Msg)}
}

func (p *parser) end() error {
	switch {
	case len(p.open) > 0:
		return p.malformed("<%s> is not closed", p.open[len(p.open)-1].short())
	case p.root == nil:
		return p.malformed("there is no root element")
	default:
		return nil
	}
}

func (p *parser) start(t xml.StartElement, raw []byte) error {
	line, _ := p.decoder.InputPos()
	n := &node{name: written(t.Name), line: line + p.skipped}
	if len(p.open) == 0 && p.root != nil {
		return p.malformed("<%s> is a second root element", n.short())
	}
	if err := p.attributes(n, t.Attr, raw); err != nil {
		return err
	}
	if p.root == nil {
		p.root = n
	} else {
		p.add(n)
	}
	p.open = append(p.open, n)
	return nil
}

func (p *parser) attributes(n *node, all []xml.Attr, raw []byte) error {
	if unspaced(raw) {
		return p.malformed("there is no space between two attributes of <%s>", n.short())
	}
	if halfPair(raw) {
		return p.malformed("a character is given by the number of half a pair")
	}
	seen := make(map[xml.Name]bool, len(all))
	for _, a := range all {
		if seen[a.Name] {
			return p.malformed("<%s> has an attribute twice", n.short())
		}
		seen[a.Name] = true
		n.attributes = append(n.attributes, attribute{name: a.Name.Local, value: a.Value, prefixed: a.Name.Space != ""})
	}
	return nil
}

func (p *parser) close(t xml.EndElement) error {
	if len(p.open) == 0 {
		return p.malformed("</%s> closes nothing", clip(written(t.Name)))
	}
	n := p.open[len(p.open)-1]
	if name := written(t.Name); name != n.name {
		return p.malformed("<%s> is closed by </%s>", n.short(), clip(name))
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

func (p *parser) characters(text xml.CharData, raw []byte) error {
	if len(p.open) == 0 {
		if len(bytes.Trim(raw, " \t\r\n")) > 0 {
			return p.malformed("there is text outside the root element")
		}
		return nil
	}
	if !bytes.HasPrefix(raw, []byte("<![CDATA[")) && halfPair(raw) {
		return p.malformed("a character is given by the number of half a pair")
	}
	p.add(&node{text: string(text)})
	return nil
}

func (p *parser) instruction(t xml.ProcInst, raw []byte) error {
	if strings.EqualFold(t.Target, "xml") {
		return p.malformed("the XML declaration does not stand at the very beginning")
	}
	rest := raw[len("<?")+len(t.Target):]
	if !bytes.HasPrefix(rest, []byte("?>")) && !space(rest[0]) {
		return p.malformed("a processing instruction has no space after its target")
	}
	return nil
}

func (p *parser) directive(t xml.Directive) error {
	name, rest := t, []byte(nil)
	if i := bytes.IndexAny(t, " \t\r\n"); i >= 0 {
		name, rest = t[:i], bytes.TrimSpace(t[i:])
	}
	if string(name) != "DOCTYPE" || len(rest) == 0 || p.root != nil || p.doctype {
		return p.malformed("there is a declaration where none can be")
	}
	p.doctype = true
	p.doubts = append(p.doubts, "The document has a document type declaration. Whether Twilio takes one is not confirmed.")
	return nil
}

// add appends a node to the innermost open element; text goes with the text before it.
func (p *parser) add(n *node) {
	parent := p.open[len(p.open)-1]
	if last := len(parent.nodes) - 1; n.name == "" && last >= 0 && parent.nodes[last].name == "" {
		parent.nodes[last].text += n.text
		return
	}
	parent.nodes = append(parent.nodes, n)
}

func written(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}

// unspaced reports whether an attribute of a start tag follows the one before at once. Quotes stand in a start tag
// only around values.
func unspaced(tag []byte) bool {
	var quote byte
	for i, b := range tag {
		switch {
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case quote != 0 && b == quote:
			quote = 0
			if next := tag[i+1]; !space(next) && next != '/' && next != '>' {
				return true
			}
		}
	}
	return false
}

// halfPair reports whether there is a reference to a surrogate, which is no character. encoding/xml makes U+FFFD of it.
func halfPair(raw []byte) bool {
	for {
		_, rest, found := bytes.Cut(raw, []byte("&#"))
		if !found {
			return false
		}
		if r, _, ok := reference(rest); ok && 0xD800 <= r && r <= 0xDFFF {
			return true
		}
		raw = rest
	}
}

func space(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// legal reports whether all of a text is UTF-8 and of characters that XML has (https://www.w3.org/TR/xml/#charsets).
func legal(text []byte) bool {
	for i, b := range text {
		if b < ' ' && !space(b) {
			return false
		}
		// U+FFFE and U+FFFF are EF BF BE and EF BF BF.
		if b == 0xEF && i+2 < len(text) && text[i+1] == 0xBF && text[i+2] >= 0xBE {
			return false
		}
	}
	return utf8.Valid(text)
}
