package twiml

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
)

// malformedDocuments returns documents that break https://www.w3.org/TR/xml/ so that a processor must report an error.
func malformedDocuments() []struct{ name, document string } {
	return []struct{ name, document string }{
		{"white space before the declaration", ` <?xml version="1.0"?><Response/>`},
		{"a line feed before the declaration", "\n<?xml version=\"1.0\"?><Response/>"},
		{"text before the declaration", `x<?xml version="1.0"?><Response/>`},
		{"a declaration after the root", `<Response/><?xml version="1.0"?>`},
		{"a second declaration", `<?xml version="1.0"?><?xml version="1.0"?><Response/>`},
		{"a declaration in capitals", `<?XML version="1.0"?><Response/>`},
		{"a declaration without a version", `<?xml encoding="UTF-8"?><Response/>`},
		{"an empty declaration", `<?xml?><Response/>`},
		{"a declaration with the encoding first", `<?xml encoding="UTF-8" version="1.0"?><Response/>`},
		{"a declaration without an end", `<?xml version="1.0"`},
		{"version 2.0", `<?xml version="2.0"?><Response/>`},
		{"an empty document", ""},
		{"white space alone", " \n"},
		{"a declaration alone", `<?xml version="1.0"?>`},
		{"text alone", "Hello"},
		{"text before the root", "x<Response/>"},
		{"text after the root", "<Response/>x"},
		{"a reference to a space after the root", "<Response/>&#32;"},
		{"a CDATA section after the root", "<Response/><![CDATA[ ]]>"},
		{"two roots", "<Response/><Response/>"},
		{"an element that is not closed", "<Response><Message>Hello</Response>"},
		{"a document that is cut off", "<Response><Message>Hello"},
		{"an element closed twice", "<Response></Response></Response>"},
		{"elements that cross", "<Response><Message><Body></Message></Body></Response>"},
		{"a Body that is not closed", "<Response><Message><Body>Hello</Message></Response>"},
		{"an end tag in small letters", "<Response></response>"},
		{"an end tag with an attribute", `<Response></Response a="b">`},
		{"an end tag with another prefix", `<a:Response></b:Response>`},
		{"an attribute without quotes", "<Response a=b/>"},
		{"an attribute without a value", "<Response a/>"},
		{"the same attribute twice", `<Response a="1" a="2"/>`},
		{"no space between two attributes", `<Response a="1"b="2"/>`},
		{"a bare less-than in an attribute", `<Response a="<"/>`},
		{"a bare ampersand", "<Response><Message>you & me</Message></Response>"},
		{"an entity without its semicolon", "<Response><Message>&amp</Message></Response>"},
		{"an entity of HTML", "<Response><Message>&nbsp;</Message></Response>"},
		{"an entity that the document type declares", `<!DOCTYPE Response [<!ENTITY a "b">]><Response><Message>&a;</Message></Response>`},
		{"a bare less-than", "<Response><Message>1 < 2</Message></Response>"},
		{"the end of a CDATA section in text", "<Response><Message>]]></Message></Response>"},
		{"a control character", "<Response><Message>a\x07b</Message></Response>"},
		{"a NUL byte", "<Response><Message>a\x00b</Message></Response>"},
		{"a reference to a control character", "<Response><Message>&#7;</Message></Response>"},
		{"a reference to half of a surrogate pair", "<Response><Message>&#xD83D;&#xDC4D;</Message></Response>"},
		{"a reference to half of a surrogate pair with many zeros", "<Response><Message>&#" + strings.Repeat("0", 40) + "55357;</Message></Response>"},
		{"a reference to half of a surrogate pair in an attribute", `<Response><Message to="&#xD83D;"/></Response>`},
		{"a reference to a number beyond Unicode", "<Response><Message>&#x110000;</Message></Response>"},
		{"U+FFFE", "<Response><Message>\uFFFE</Message></Response>"},
		{"bytes that are not UTF-8", "<Response><Message>Ol\xe1</Message></Response>"},
		{"bytes that are not UTF-8 in a comment", "<Response><!-- Ol\xe1 --></Response>"},
		{"a control character in a comment", "<Response><!-- \x01 --></Response>"},
		{"UTF-16", "\xff\xfe<\x00R\x00/\x00>\x00"},
		{"two dashes in a comment", "<Response><!-- a -- b --></Response>"},
		{"a comment without an end", "<Response/><!-- a"},
		{"a CDATA section without an end", "<Response><![CDATA[a</Response>"},
		{"a name that begins with a digit", "<Response><1/></Response>"},
		{"a space before a name", "< Response/>"},
		{"a document type in small letters", "<!doctype html><Response/>"},
		{"a document type without a name", "<!DOCTYPE><Response/>"},
		{"a document type after the root", "<Response/><!DOCTYPE a>"},
		{"a document type in the root", "<Response><!DOCTYPE a></Response>"},
		{"two document types", "<!DOCTYPE a><!DOCTYPE a><Response/>"},
		{"another declaration", "<!ELEMENT a ANY><Response/>"},
		{"a processing instruction without a space", "<Response><?a!b?></Response>"},
		{"a processing instruction without an end", "<Response><?a </Response>"},
	}
}

func TestMalformedDocuments(t *testing.T) {
	for _, row := range malformedDocuments() {
		t.Run(row.name+" is an error", func(t *testing.T) {
			d := Read([]byte(row.document))
			if warnings := numbers(d, true); len(warnings) > 1 {
				t.Errorf("there are %d warnings: %+v", len(warnings), d.Findings)
			}
			if got := numbers(d, false); d.Failure == nil || d.Failure.Code != 12100 || len(got) != 1 ||
				d.Verbs != nil {
				t.Errorf("the findings are %v, the verbs are %v", d.Findings, d.Verbs)
			}
		})
	}
}

func TestWellFormedDocuments(t *testing.T) {
	const message = "<Response><Message>Olá</Message></Response>"
	read, warned := want{verbs: []string{"Olá"}}, want{verbs: []string{"Olá"}, warnings: []int{0}}
	for _, row := range []struct {
		name, document string
		want           want
	}{
		{"a declaration may be missing", message, read},
		{"white space may come first if there is no declaration", "\n " + message, read},
		{"a declaration may have single quotes", `<?xml version='1.0' encoding='UTF-8'?>` + message, read},
		{"the encoding may be in small letters", `<?xml version="1.0" encoding="utf-8"?>` + message, read},
		{"a declaration may have the attribute standalone", `<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>` + message, read},
		{"a declaration may have several lines", "<?xml\nversion = \"1.0\"\n?>\n" + message + "\n", read},
		{"comments may come before and after the root", "<!-- a -->" + message + "<!-- b -->", read},
		{"processing instructions may come before and after the root", `<?xml-stylesheet href="a.xsl"?>` + message + "<?a?>", read},
		{"a byte order mark is accepted, with a warning", "\uFEFF" + `<?xml version="1.0"?>` + message, warned},
		{"a document type is accepted, with a warning", `<!DOCTYPE Response SYSTEM "a.dtd" [<!ELEMENT Response ANY>]>` + message, warned},
		{"version 1.1 is accepted, with a warning", `<?xml version="1.1"?>` + message, warned},
		{"another encoding causes no warning if the document is ASCII", `<?xml version="1.0" encoding="ISO-8859-1"?><Response><Message>Ola</Message></Response>`, want{verbs: []string{"Ola"}}},
		{"ISO 8859-1 is decoded, with a warning", `<?xml version="1.0" encoding="ISO-8859-1"?>` + strings.ReplaceAll(message, "á", "\xe1"), warned},
		{"KOI8-R is decoded, with a warning", `<?xml version="1.0" encoding="KOI8-R"?><Response><Message>` + "\xf0\xd2\xc9" + `</Message></Response>`, want{verbs: []string{"При"}, warnings: []int{0}}},
		{"an unknown encoding is read as UTF-8, with a warning", `<?xml version="1.0" encoding="unknown"?>` + message, warned},
		{"attributes may have references and the other quotes", `<Response a='"&apos;&#65;>'><Message>Olá</Message></Response>`, want{verbs: []string{"Olá"}, warnings: []int{12200}}},
		{"an attribute may have a quote of the other kind and a letter after it", `<Response a="'b' c=" b='"d"e'><Message>Olá</Message></Response>`, want{verbs: []string{"Olá"}, warnings: []int{12200, 12200}}},
		{"a reference in a comment and in CDATA is only text", "<Response><!-- &#xD83D; --><Message>Olá<![CDATA[&#xD83D;]]></Message></Response>", want{verbs: []string{"Olá&#xD83D;"}}},
		{"a reference to U+FFFD is a character", "<Response><Message>&#xFFFD;</Message></Response>", want{verbs: []string{"\uFFFD"}}},
	} {
		t.Run(row.name, func(t *testing.T) { row.want.check(t, Read([]byte(row.document))) })
	}
}

// A simple parser accepts documents that Twilio refuses. Each simple parser must accept the malformed documents that
// are listed with it. If it did not, these documents would not show that Read is stricter.
func TestNaiveParsers(t *testing.T) {
	everywhere := []string{
		"white space before the declaration", "a declaration after the root", "a second declaration", "a declaration without a version",
		"text after the root", "two roots", "the same attribute twice", "no space between two attributes",
		"a reference to half of a surrogate pair", "a control character in a comment", "a document type in small letters",
		"a document type in the root", "two document types",
	}
	for _, row := range []struct {
		name     string
		parse    func(string) error
		accepted []string
	}{
		{"xml.Unmarshal", func(document string) error { return xml.Unmarshal([]byte(document), new(naiveResponse)) }, everywhere},
		{"a decoder that is not strict", parseLeniently, append(everywhere, "an attribute without quotes", "an attribute without a value",
			"a bare ampersand", "an entity of HTML", "an element that is not closed")},
		{"a search for the root", searchRoot, append(everywhere, "a bare less-than", "bytes that are not UTF-8", "a document that is cut off")},
	} {
		t.Run(row.name+" accepts malformed documents", func(t *testing.T) {
			accepted := 0
			for _, each := range malformedDocuments() {
				if row.parse(each.document) == nil {
					accepted++
				} else if slices.Contains(row.accepted, each.name) {
					t.Errorf("it refuses %s", each.name)
				}
			}
			if accepted < len(row.accepted) {
				t.Errorf("it accepts %d documents, want at least %d", accepted, len(row.accepted))
			}
		})
	}
}

type naiveResponse struct {
	Messages []string `xml:"Message"`
}

func parseLeniently(document string) error {
	d := xml.NewDecoder(strings.NewReader(document))
	d.Strict, d.Entity, d.AutoClose = false, xml.HTMLEntity, []string{"Message"}
	return d.Decode(new(naiveResponse))
}

func searchRoot(document string) error {
	if !strings.Contains(document, "<Response") {
		return errors.New("no Response")
	}
	return nil
}
