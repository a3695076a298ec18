package twiml

import (
	"fmt"
	"testing"
)

// FuzzParseSimple checks that parseSimple returns what encoding/xml reads.
func FuzzParseSimple(f *testing.F) {
	for _, text := range []string{
		hello, "\n<a>\n b<c/>> \nd<c>é</c></a>\n", "<a/>", "<a>]]></a>", "<a>\r\n</a>", "<a>&lt;</a>", "<a b='c'/>",
		"<a/><b/>", "<a></b>", "<a>", "a<a/>", "<a/>a", "</>", "<>", "<a><></a>", "<a", "<a //>", "<a></ a>", "<a/b>",
		"<!---->", "<?b?><a/>", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		source, head, _, err := readProlog([]byte(text))
		if err != nil {
			return
		}
		got := parseSimple(source, head)
		if got == nil {
			return
		}
		want, found, err := parseXML(source, head)
		if err != nil || len(found) > 0 || outline(got) != outline(want) {
			t.Fatalf("%q is read as\n%s\nwant\n%s, %v, %v", text, outline(got), outline(want), found, err)
		}
	})
}

// outline describes an element with all its fields.
func outline(e *Element) string {
	if e == nil {
		return ""
	}
	text := fmt.Sprintf("%s %q %v line %d at %d %d %d %d (", e.Name, e.Text, e.Attributes, e.Line,
		e.Start, e.Content, e.ContentEnd, e.End)
	for _, child := range e.Children {
		text += outline(child)
	}
	return text + ")"
}
