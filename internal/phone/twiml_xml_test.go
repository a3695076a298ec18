package phone

import (
	"strings"
	"testing"
)

// Each row breaks a rule of https://www.w3.org/TR/xml/ that a processor must report.
func malformedDocuments() []struct{ name, document string } {
	return []struct{ name, document string }{
		{"white space before the declaration", ` <?xml version="1.0"?><Response/>`},
		{"a line feed before the declaration", "\n<?xml version=\"1.0\"?><Response/>"},
		{"text before the declaration", `x<?xml version="1.0"?><Response/>`},
		{"a declaration behind the root", `<Response/><?xml version="1.0"?>`},
		{"a second declaration", `<?xml version="1.0"?><?xml version="1.0"?><Response/>`},
		{"a declaration in capitals", `<?XML version="1.0"?><Response/>`},
		{"a declaration without a version", `<?xml encoding="UTF-8"?><Response/>`},
		{"a declaration with nothing in it", `<?xml?><Response/>`},
		{"a declaration with the encoding first", `<?xml encoding="UTF-8" version="1.0"?><Response/>`},
		{"a declaration that does not end", `<?xml version="1.0"`},
		{"version 2.0", `<?xml version="2.0"?><Response/>`},
		{"an empty document", ""},
		{"white space alone", " \n"},
		{"a declaration alone", `<?xml version="1.0"?>`},
		{"text alone", "Hello"},
		{"text before the root", "x<Response/>"},
		{"text behind the root", "<Response/>x"},
		{"a numbered space behind the root", "<Response/>&#32;"},
		{"a CDATA section behind the root", "<Response/><![CDATA[ ]]>"},
		{"two roots", "<Response/><Response/>"},
		{"an element that is not closed", "<Response><Message>Hello</Response>"},
		{"a document that ends early", "<Response><Message>Hello"},
		{"an element closed twice", "<Response></Response></Response>"},
		{"elements that cross", "<Response><Message><Body></Message></Body></Response>"},
		{"a Body that is not closed", "<Response><Message><Body>Hello</Message></Response>"},
		{"an end tag in small letters", "<Response></response>"},
		{"an end tag with an attribute", `<Response></Response a="b">`},
		{"an end tag with another prefix", `<a:Response></b:Response>`},
		{"an attribute without quotes", "<Response a=b/>"},
		{"an attribute without a value", "<Response a/>"},
		{"an attribute given twice", `<Response a="1" a="2"/>`},
		{"attributes without a space between", `<Response a="1"b="2"/>`},
		{"a bare less-than in an attribute", `<Response a="<"/>`},
		{"a bare ampersand", "<Response><Message>you & me</Message></Response>"},
		{"an entity without its semicolon", "<Response><Message>&amp</Message></Response>"},
		{"an entity of HTML", "<Response><Message>&nbsp;</Message></Response>"},
		{"an entity that the document type declares", `<!DOCTYPE Response [<!ENTITY a "b">]><Response><Message>&a;</Message></Response>`},
		{"a bare less-than", "<Response><Message>1 < 2</Message></Response>"},
		{"the end of a CDATA section in text", "<Response><Message>]]></Message></Response>"},
		{"a control character", "<Response><Message>a\x07b</Message></Response>"},
		{"a zero byte", "<Response><Message>a\x00b</Message></Response>"},
		{"a control character by its number", "<Response><Message>&#7;</Message></Response>"},
		{"half a pair by its number", "<Response><Message>&#xD83D;&#xDC4D;</Message></Response>"},
		{"half a pair by its number and many zeros", "<Response><Message>&#" + strings.Repeat("0", 40) + "55357;</Message></Response>"},
		{"half a pair in an attribute", `<Response><Message to="&#xD83D;"/></Response>`},
		{"a number beyond Unicode", "<Response><Message>&#x110000;</Message></Response>"},
		{"U+FFFE", "<Response><Message>\uFFFE</Message></Response>"},
		{"bytes that are not UTF-8", "<Response><Message>Ol\xe1</Message></Response>"},
		{"bytes that are not UTF-8 in a comment", "<Response><!-- Ol\xe1 --></Response>"},
		{"a control character in a comment", "<Response><!-- \x01 --></Response>"},
		{"UTF-16", "\xff\xfe<\x00R\x00/\x00>\x00"},
		{"two dashes in a comment", "<Response><!-- a -- b --></Response>"},
		{"a comment that does not end", "<Response/><!-- a"},
		{"a CDATA section that does not end", "<Response><![CDATA[a</Response>"},
		{"a name that begins with a digit", "<Response><1/></Response>"},
		{"a name behind a space", "< Response/>"},
		{"a document type in small letters", "<!doctype html><Response/>"},
		{"a document type without a name", "<!DOCTYPE><Response/>"},
		{"a document type behind the root", "<Response/><!DOCTYPE a>"},
		{"a document type in the root", "<Response><!DOCTYPE a></Response>"},
		{"two document types", "<!DOCTYPE a><!DOCTYPE a><Response/>"},
		{"another declaration", "<!ELEMENT a ANY><Response/>"},
		{"a processing instruction without a space", "<Response><?a!b?></Response>"},
		{"a processing instruction that does not end", "<Response><?a </Response>"},
	}
}

func TestMalformedDocumentsFail(t *testing.T) {
	for _, row := range malformedDocuments() {
		t.Run(row.name, func(t *testing.T) {
			judged{errors: []int{12100}, failed: true}.check(t, withoutDoubts(judgeText("text/xml", row.document)))
		})
	}
}

// withoutDoubts leaves out the warnings on what stands before the root.
func withoutDoubts(d document) document {
	var errors []Finding
	for _, f := range d.findings {
		if !f.Warning {
			errors = append(errors, f)
		}
	}
	d.findings = errors
	return d
}

func TestWellFormedDocumentsAreRead(t *testing.T) {
	const message = "<Response><Message>Olá</Message></Response>"
	spoken, doubtful := judged{verbs: []string{"Olá"}}, judged{verbs: []string{"Olá"}, warnings: []int{0}}
	for _, row := range []struct {
		name, document string
		want           judged
	}{
		{"without a declaration", message, spoken},
		{"with white space and no declaration", "\n " + message, spoken},
		{"with a declaration in single quotes", `<?xml version='1.0' encoding='UTF-8'?>` + message, spoken},
		{"with one in small letters", `<?xml version="1.0" encoding="utf-8"?>` + message, spoken},
		{"with one that stands alone", `<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>` + message, spoken},
		{"with one on two lines", "<?xml\nversion = \"1.0\"\n?>\n" + message + "\n", spoken},
		{"with a comment before and behind", "<!-- a -->" + message + "<!-- b -->", spoken},
		{"with a processing instruction", `<?xml-stylesheet href="a.xsl"?>` + message + "<?a?>", spoken},
		{"with a byte order mark, with a warning", "\uFEFF" + `<?xml version="1.0"?>` + message, doubtful},
		{"with a document type, with a warning", `<!DOCTYPE Response SYSTEM "a.dtd" [<!ELEMENT Response ANY>]>` + message, doubtful},
		{"with version 1.1, with a warning", `<?xml version="1.1"?>` + message, doubtful},
		{"with another encoding that does not matter", `<?xml version="1.0" encoding="ISO-8859-1"?><Response><Message>Ola</Message></Response>`, judged{verbs: []string{"Ola"}}},
		{"in ISO 8859-1, with a warning", `<?xml version="1.0" encoding="ISO-8859-1"?>` + strings.ReplaceAll(message, "á", "\xe1"), doubtful},
		{"in an encoding that is not known, as UTF-8, with a warning", `<?xml version="1.0" encoding="KOI8-R"?>` + message, doubtful},
		{"with characters in attributes and the other quotes", `<Response a='"&apos;&#65;>'><Message>Olá</Message></Response>`, judged{verbs: []string{"Olá"}, warnings: []int{12200}}},
		{"with half a pair's number where it is no reference", "<Response><!-- &#xD83D; --><Message>Olá<![CDATA[&#xD83D;]]></Message></Response>", judged{verbs: []string{"Olá&#xD83D;"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", row.document))
		})
	}
}
