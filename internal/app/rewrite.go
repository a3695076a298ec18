package app

import (
	"bytes"
	"encoding/xml"
	"strings"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// maxFinished is the size of the largest document that is sent to Twilio. It bounds the record of the session, in which
// the document is stored.
const maxFinished = 32 << 10

// finish joins the documents for one message into one reply. Every document but the last one leads to the next one. A
// single document keeps its bytes, except for its relative URLs.
func finish(pages []page) (conversation.Reply, *failure) {
	b := new(bytes.Buffer)
	if only := pages[0]; len(pages) == 1 && only.Root != nil {
		only.write(b, 0, len(only.Source))
	} else {
		joinTo(b, pages)
	}
	if b.Len() > maxFinished {
		return conversation.Reply{}, tooLarge(b.Len())
	}
	return conversation.Reply{TwiML: b.String()}, nil
}

func tooLarge(size int) *failure {
	return newFailure(TooLarge, "The finished document has %d bytes. At most %d are allowed.", size, maxFinished)
}

// joinTo appends a document with the content of all documents. It appends nothing if there is no content.
func joinTo(b *bytes.Buffer, pages []page) {
	b.WriteString(strings.TrimSuffix(twilio.Opening, ">"))
	declareTo(b, pages)
	b.WriteString(">")
	opening, last := b.Len(), len(pages)-1
	for _, p := range pages[:last] {
		p.write(b, p.Root.Content, p.redirectElement().Start)
	}
	pages[last].writeContent(b)
	if b.Len() == opening {
		b.Reset()
		return
	}
	b.WriteString(twilio.Closing)
}

// declareTo appends the namespaces that the Responses of documents declare for prefixes. If two documents declare the
// same prefix, the first one counts.
func declareTo(b *bytes.Buffer, pages []page) {
	declared := map[string]bool{}
	for _, p := range pages {
		if p.Root == nil {
			continue
		}
		for _, a := range p.Root.Attributes {
			if a.Name.Space == "xmlns" && !declared[a.Name.Local] {
				declared[a.Name.Local] = true
				b.WriteString(" xmlns:" + a.Name.Local + `="`)
				xml.EscapeText(b, []byte(a.Value)) // writing to a Buffer does not fail
				b.WriteString(`"`)
			}
		}
	}
}

// writeContent appends what is in the Response of a document.
func (p page) writeContent(b *bytes.Buffer) {
	if p.Root != nil {
		p.write(b, p.Root.Content, p.Root.ContentEnd)
		return
	}
	twilio.AppendMessage(b, p.text, nil)
}

// redirectElement returns the first Redirect. It must only be called if the last executed verb is a Redirect: that verb
// is the first one, because nothing after it is executed.
func (p page) redirectElement() *twiml.Element {
	for _, e := range p.Root.Children {
		if e.Name == "Redirect" {
			return e
		}
	}
	panic("the document has no Redirect")
}

// write appends a part of the source in which every relative URL is absolute. Otherwise, Twilio would look for them at
// the address of this service.
func (p page) write(b *bytes.Buffer, from, to int) {
	for _, e := range p.Root.Children {
		for _, edit := range p.edits(e) {
			if edit.from >= from && edit.to <= to {
				b.Write(p.Source[from:edit.from])
				xml.EscapeText(b, []byte(edit.text)) // writing to a Buffer does not fail
				from = edit.to
			}
		}
	}
	b.Write(p.Source[from:to])
}

// edit replaces a part of a source.
type edit struct {
	from, to int
	text     string // not escaped
}

// edits returns the edits of the relative URLs in a verb, in their order.
func (p page) edits(verb *twiml.Element) []edit {
	var all []edit
	add := func(from, to int, reference string) {
		reference = strings.TrimSpace(reference)
		absolute, err := p.at.base.Resolve(reference)
		if reference != "" && err == nil && absolute != reference {
			all = append(all, edit{from, to, absolute})
		}
	}
	switch verb.Name {
	case "Redirect":
		add(verb.Content, verb.ContentEnd, verb.Text)
	case "Message", "Sms":
		for name, span := range attributes(p.Source[verb.Start:verb.Content]) {
			if name == "action" || name == "statusCallback" {
				value, _ := verb.Attribute(name)
				add(verb.Start+span[0], verb.Start+span[1], value)
			}
		}
		for _, child := range verb.Children {
			if child.Name == "Media" {
				add(child.Content, child.ContentEnd, child.Text)
			}
		}
	}
	return all
}

// attributes returns the names of the attributes in a well-formed start tag, and where the values are, without their
// quotes.
func attributes(tag []byte) func(yield func(name string, span [2]int) bool) {
	return func(yield func(string, [2]int) bool) {
		const space = " \t\r\n"
		at := bytes.IndexAny(tag, space+"/>")
		for {
			equals := bytes.IndexByte(tag[at:], '=')
			if equals < 0 {
				return
			}
			name := string(bytes.Trim(tag[at:at+equals], space))
			open := at + equals + bytes.IndexAny(tag[at+equals:], `"'`)
			end := open + 1 + bytes.IndexByte(tag[open+1:], tag[open])
			if !yield(name, [2]int{open + 1, end}) {
				return
			}
			at = end + 1
		}
	}
}
