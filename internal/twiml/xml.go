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
	Text       string // all text directly in the element, without the text in its children
	Attributes []xml.Attr
	Children   []*Element
	Line       int // the line where the start tag ends, from 1

	// Source[Start:End] of the document is the whole element, and Source[Content:ContentEnd] is what is between its
	// tags.
	Start, Content, ContentEnd, End int
}

// Attribute returns the value of an attribute without a prefix, and whether the element has it.
func (e *Element) Attribute(name string) (string, bool) {
	i := slices.IndexFunc(e.Attributes, func(a xml.Attr) bool { return a.Name == xml.Name{Local: name} })
	if i < 0 {
		return "", false
	}
	return e.Attributes[i].Value, true
}

// trimmed returns the value of an attribute without white space around it, or "" if the element has no such attribute.
func (e *Element) trimmed(attribute string) string {
	value, _ := e.Attribute(attribute)
	return strings.TrimSpace(value)
}

// parse parses a document as https://www.w3.org/TR/xml/ requires of a non-validating processor. It returns its root and
// its text in UTF-8 (see Document.Source). The findings are warnings about parts that Twilio may not accept. The error
// is an *xml.SyntaxError with the line.
//
// encoding/xml does most of the work. parse adds the checks that encoding/xml does not make. It does not read the
// declarations inside a document type, so their entities are unknown.
func parse(body []byte) (root *Element, source []byte, found Findings, err error) {
	source, head, found, err := readProlog(body)
	if err != nil {
		return nil, nil, found, err
	}
	if root := parseSimple(source, head); root != nil {
		return root, source, found, nil
	}
	root, more, err := parseXML(source, head)
	return root, source, append(found, more...), err
}

// parseXML parses the part of a document behind its XML declaration, which ends at the offset head.
func parseXML(source []byte, head int) (root *Element, found Findings, err error) {
	text := source[head:]
	if lines := lineFeeds(source[:head]); len(lines) > 0 {
		text = append(lines, text...) // so that lines keep their numbers
	}
	inSource := func(offset int64) int { return len(source) - len(text) + int(offset) }
	decoder := xml.NewDecoder(bytes.NewReader(text))
	open := []*Element{{}} // the open elements; the first one is the document, whose child is the root
	hasDocType := false
	for {
		from := decoder.InputOffset()
		token, err := decoder.Token()
		line, _ := decoder.InputPos()
		raw := text[from:decoder.InputOffset()]
		parent, isOutside, hasRoot := open[len(open)-1], len(open) == 1, len(open[0].Children) > 0
		problem := check(token, raw)
		switch token := token.(type) {
		case xml.StartElement:
			if isOutside && hasRoot {
				problem = "there is a second root element"
			}
			end := 1 + bytes.IndexAny(raw[1:], " \t\r\n/>")
			e := &Element{Name: string(raw[1:end]), Attributes: token.Attr, Line: line}
			e.Start, e.Content = inSource(from), inSource(decoder.InputOffset())
			parent.Children = append(parent.Children, e)
			open = append(open, e)
		case xml.EndElement:
			parent.ContentEnd, parent.End = inSource(from), inSource(decoder.InputOffset())
			open = open[:len(open)-1]
		case xml.CharData:
			if isOutside && len(bytes.Trim(raw, " \t\r\n")) > 0 {
				problem = "there is text outside the root element"
			}
			parent.Text += string(token)
		case xml.Directive:
			if hasRoot || hasDocType {
				problem = noDirective
			}
			hasDocType = true
			if problem == "" {
				found.Warn(0, "The document has a document type declaration. "+
					"It is not confirmed that Twilio accepts one.")
			}
		}
		switch {
		case err == io.EOF && hasRoot:
			return open[0].Children[0], found, nil
		case err == io.EOF:
			problem = "there is no root element"
		case err != nil:
			return nil, found, err
		}
		if problem != "" {
			return nil, found, &xml.SyntaxError{Line: line, Msg: problem}
		}
	}
}

// spacedTag matches a start tag with white space between its attributes. afterTarget matches the end of the target of a
// processing instruction. docType matches the content of a document type declaration. surrogate matches a reference to
// half of a surrogate pair (U+D800 to U+DFFF, 55296 to 57343). This is not a character, but encoding/xml turns it into
// U+FFFD.
var (
	spacedTag   = regexp.MustCompile(`^[^"']*(?:(?:"[^"]*"|'[^']*')[ \t\r\n/>][^"']*)*$`)
	afterTarget = regexp.MustCompile(`^(?:[ \t\r\n]|\?>)`)
	docType     = regexp.MustCompile(`^DOCTYPE[ \t\r\n]+[^ \t\r\n]`)
	surrogate   = regexp.MustCompile(`&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|` +
		`0*(?:5529[6-9]|55[3-9][0-9]{2}|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]|5734[0-3]));`)
)

const (
	noDirective = "a declaration is in a place where XML does not allow it"
	halfOfPair  = "a character reference is half of a surrogate pair"
)

// check returns a problem of a token that encoding/xml does not report, or "" if there is none. raw is the token as it
// is written. check does not look at the position of the token in the document.
func check(token xml.Token, raw []byte) (problem string) {
	switch token := token.(type) {
	case xml.StartElement:
		switch {
		case len(token.Attr) > 1 && !spacedTag.Match(raw):
			return "there is no space between two attributes"
		case hasTwice(token.Attr):
			return "an element has the same attribute twice"
		case hasHalfOfPair(raw):
			return halfOfPair
		}
	case xml.CharData:
		if !bytes.HasPrefix(raw, []byte("<![CDATA[")) && hasHalfOfPair(raw) {
			return halfOfPair
		}
	case xml.ProcInst:
		switch {
		case strings.EqualFold(token.Target, "xml"):
			return "the XML declaration is not at the very beginning"
		case !afterTarget.Match(raw[len("<?")+len(token.Target):]):
			return "a processing instruction has no space after its target"
		}
	case xml.Directive:
		if !docType.Match(token) {
			return noDirective
		}
	}
	return ""
}

func hasTwice(attributes []xml.Attr) bool {
	if len(attributes) < 2 {
		return false
	}
	names := make(map[xml.Name]bool, len(attributes))
	for _, a := range attributes {
		names[a.Name] = true
	}
	return len(names) < len(attributes)
}

// hasHalfOfPair looks for a reference first, because most texts have none and the expression takes much longer.
func hasHalfOfPair(raw []byte) bool { return bytes.Contains(raw, []byte("&#")) && surrogate.Match(raw) }
