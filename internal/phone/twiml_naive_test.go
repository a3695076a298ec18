package phone

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A webhook that was tried with a careless parser breaks at Twilio. Each careless parser takes the documents that it is
// listed with: if it refused one, that row would not show that ours does better.
func TestTheMalformedDocumentsCatchNaiveParsers(t *testing.T) {
	everywhere := []string{
		"white space before the declaration", "a declaration behind the root", "a second declaration", "a declaration without a version",
		"text behind the root", "two roots", "an attribute given twice", "attributes without a space between", "half a pair by its number",
		"a control character in a comment", "a document type in small letters", "a document type in the root", "two document types",
	}
	for _, row := range []struct {
		name   string
		read   func(string) error
		caught []string
	}{
		{"xml.Unmarshal", func(document string) error { return xml.Unmarshal([]byte(document), new(naiveResponse)) }, everywhere},
		{"a decoder that is not strict", lenient, append(everywhere, "an attribute without quotes", "an attribute without a value",
			"a bare ampersand", "an entity of HTML", "an element that is not closed")},
		{"a search for the root", find, append(everywhere, "a bare less-than", "bytes that are not UTF-8", "a document that ends early")},
	} {
		t.Run(row.name, func(t *testing.T) {
			taken := 0
			for _, each := range malformedDocuments() {
				if row.read(each.document) == nil {
					taken++
				} else if slices.Contains(row.caught, each.name) {
					t.Errorf("it is not caught by %s", each.name)
				}
			}
			if taken < len(row.caught) {
				t.Errorf("it takes %d documents, and %d are said to catch it", taken, len(row.caught))
			}
		})
	}
}

type naiveResponse struct {
	Messages []string `xml:"Message"`
}

func lenient(document string) error {
	d := xml.NewDecoder(strings.NewReader(document))
	d.Strict, d.Entity, d.AutoClose = false, xml.HTMLEntity, []string{"Message"}
	return d.Decode(new(naiveResponse))
}

func find(document string) error {
	if !strings.Contains(document, "<Response") {
		return errors.New("no Response")
	}
	return nil
}

// Twilio's limit is one of characters. A count of bytes would refuse a text that goes out.
func TestTheLongMessagesCatchNaiveCounts(t *testing.T) {
	accented := strings.Repeat("é", 1600)
	if len(accented) <= mostText || utf8.RuneCountInString(accented) > mostText {
		t.Fatal("a count of bytes would not be caught")
	}
	judged{verbs: []string{accented}}.check(t, judgeText("text/xml", in("<Message>"+accented+"</Message>")))
}
