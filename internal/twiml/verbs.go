package twiml

import (
	"net/http"
	"slices"
	"strings"
)

// readTwiML reads a document of XML.
//
// See https://www.twilio.com/docs/messaging/twiml#how-twilios-twiml-interpreter-works.
func (r *reader) readTwiML(body []byte) {
	root, err := parse(body, func(format string, args ...any) { r.warn(0, format, args...) })
	if err != nil {
		r.fail(12100, "The document is not well-formed: %.200s.", err)
		return
	}
	if root.Name != "Response" {
		r.fail(12102, "The root element is %.60q.", root.Name)
		return
	}
	// Twilio's page on 12101 names the versions of its API. Today's documentation of Response has no attributes.
	if version, found := root.Attribute("version"); found && version != "2010-04-01" && version != "2008-08-01" {
		r.fail(12101, "The Response has the version %.60q.", version)
		return
	}
	r.Root = root
	r.checkAttributes(root, "version")
	r.readVerbs(root)
	if r.messages > MaxMessages {
		r.report(14109, "The document has %d messages. Twilio sends at most %d. It is not confirmed that it sends the first ones, as here.", r.messages, MaxMessages)
	}
}

// readVerbs reads the verbs up to the one that continues with another document.
func (r *reader) readVerbs(root *Element) {
	if !isBlank(root.Text) {
		r.warn(12200, "<%s>, line %d, has text of its own, which Twilio ignores.", root.Name, root.Line)
	}
	for i, e := range root.Children {
		isLast := false
		switch e.Name {
		case "Message", "Sms":
			isLast = r.readMessage(e)
		case "Redirect":
			r.readRedirect(e)
			isLast = true
		default:
			r.report(14110, "<%.60s>, line %d, is not a verb of messaging. The verbs are Message and Redirect, spelled like this.", e.Name, e.Line)
		}
		if isLast && i < len(root.Children)-1 {
			r.warn(0, "Twilio does not execute what follows the %s in line %d.", e.Name, e.Line)
		}
		if isLast {
			return
		}
	}
}

func (r *reader) readRedirect(e *Element) {
	r.checkAttributes(e, "method")
	v := Verb{IsRedirect: true, URL: strings.TrimSpace(r.text(e))}
	var valid bool
	if v.Method, valid = r.method(e); !valid {
		r.warn(14104, "The Redirect in line %d has a method other than GET and POST. POST is used.", e.Line)
	}
	if v.URL == "" {
		r.warn(0, "The Redirect in line %d has no URL. It is not confirmed that Twilio requests the same document again, as here.", e.Line)
	}
	r.Verbs = append(r.Verbs, v)
}

// method returns the method of the next request and whether the element's method is valid. It is POST by default.
func (r *reader) method(e *Element) (method string, valid bool) {
	given, found := e.Attribute("method")
	if !found {
		return http.MethodPost, true
	}
	method = strings.ToUpper(given)
	if method != http.MethodGet && method != http.MethodPost {
		return http.MethodPost, false
	}
	if method != given {
		r.warn(14104, "The %s in line %d has the method %.60q. Twilio writes methods in capitals.", e.Name, e.Line, given)
	}
	return method, true
}

// text returns the text of an element that has no valid child elements.
func (r *reader) text(e *Element) string {
	for _, child := range e.Children {
		r.warnNested(e, child)
	}
	return e.Text
}

// checkAttributes warns of unknown attributes. Attributes with a prefix belong to XML and to schemas.
func (r *reader) checkAttributes(e *Element, known ...string) {
	for _, a := range e.Attributes {
		if a.Name.Space == "" && !slices.Contains(known, a.Name.Local) {
			r.warn(12200, "<%s>, line %d, has no attribute %.60q.", e.Name, e.Line, a.Name.Local)
		}
	}
}

func (r *reader) warnNested(e, child *Element) {
	r.warn(12200, "<%.60s>, line %d, is not valid in <%s>. It is ignored.", child.Name, child.Line, e.Name)
}

// isBlank reports whether a text has nothing but white space.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }
