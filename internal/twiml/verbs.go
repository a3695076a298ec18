package twiml

import (
	"net/http"
	"slices"
	"strings"
)

// schema has the attributes and the child elements of each element. The verbs are the children of <Response>.
//
// See https://www.twilio.com/docs/messaging/twiml. Twilio's page on error 14110 still lists the older <Sms> as a verb.
var schema = map[string]struct{ attributes, children []string }{
	"Response": {attributes: []string{"version"}, children: []string{"Message", "Sms", "Redirect"}},
	"Message":  {attributes: messageAttributes, children: []string{"Body", "Media"}},
	"Sms":      {attributes: messageAttributes, children: []string{"Body", "Media"}},
	"Redirect": {attributes: []string{"method"}},
}

var messageAttributes = []string{"to", "from", "action", "method", "statusCallback"}

// Read reads a document of TwiML. If the text is not TwiML, the document has a Failure.
//
// See https://www.twilio.com/docs/messaging/twiml#how-twilios-twiml-interpreter-works.
func Read(body []byte) Document {
	root, source, found, err := parse(body)
	if err != nil {
		return failed(12100, "The document is not well-formed: %.200s.", err).after(found)
	}
	if root.Name != "Response" {
		return failed(12102, "The root element is %.60q.", root.Name).after(found)
	}
	// Twilio's page on error 12101 lists the versions. The current documentation of <Response> has no attributes.
	if version, has := root.Attribute("version"); has && version != "2010-04-01" && version != "2008-08-01" {
		return failed(12101, "The Response has the version %.60q.", version).after(found)
	}
	return Document{Root: root, Source: source}.withVerbs(root).after(append(found, checkAttributes(root)...))
}

// withVerbs returns the document with its verbs, up to the first verb that continues with another document.
func (d Document) withVerbs(root *Element) Document {
	var found Findings
	if !isBlank(root.Text) {
		found.Warn(12200, "The <%s> in line %d has text outside its verbs. Twilio ignores it.", root.Name, root.Line)
	}
	messages := 0
	for i, e := range root.Children {
		v, isLast, more := readVerb(e)
		found = append(found, more...)
		if v != nil && !v.IsRedirect {
			messages++
		}
		if v != nil && (v.IsRedirect || messages <= MaxMessages) {
			d.Verbs = append(d.Verbs, *v)
		}
		if isLast && i < len(root.Children)-1 {
			found.Warn(0, "Twilio does not execute anything after the %s in line %d.", e.Name, e.Line)
		}
		if isLast {
			break
		}
	}
	if messages > MaxMessages {
		found.Fail(14109, "The document has %d messages. Twilio sends at most %d. "+
			"It is not confirmed that Twilio sends the first ones, as assumed here.", messages, MaxMessages)
	}
	d.Findings = found
	return d
}

// readVerb reads a verb. The verb is nil if Twilio does not execute it. isLast reports whether Twilio continues with
// another document.
func readVerb(e *Element) (v *Verb, isLast bool, found Findings) {
	if !slices.Contains(schema["Response"].children, e.Name) {
		found.Fail(14110, "The <%.60s> in line %d is not a verb for messages. The verbs are Message and Redirect, "+
			"with a capital.", e.Name, e.Line)
		return nil, false, found
	}
	method, found := readMethod(e)
	found = append(found, checkSchema(e)...)
	if e.Name == "Redirect" {
		v = &Verb{IsRedirect: true, URL: strings.TrimSpace(e.Text), Method: method}
		if v.URL == "" {
			found.Warn(0, "The Redirect in line %d has no URL. "+
				"It is not confirmed that Twilio requests the same document again, as assumed here.", e.Line)
		}
		return v, true, found
	}
	v, more := readMessage(e)
	if found = append(found, more...); !found.haveError() { // one error is enough to report about a message
		found = append(found, checkContent(*v)...)
	}
	if isLast = v.Action != ""; isLast {
		v.Method = method
	}
	if found.haveError() {
		if isLast {
			found.Warn(0, "The message is not sent. Twilio requests its action with the MessageStatus of the failure. "+
				"Here, the action is not requested.")
		}
		return nil, isLast, found
	}
	return v, isLast, found
}

// readMethod returns the method of the request for the next document, which is POST by default. Twilio does not send a
// message whose method is neither GET nor POST.
func readMethod(e *Element) (method string, found Findings) {
	given, has := e.Attribute("method")
	method = strings.ToUpper(given)
	switch isValid := method == http.MethodGet || method == http.MethodPost; {
	case !has:
		return http.MethodPost, nil
	case !isValid && e.Name == "Redirect":
		found.Warn(14104, "The Redirect in line %d has a method other than GET and POST. POST is used.", e.Line)
		return http.MethodPost, found
	case !isValid:
		found.Fail(14104, "The %s in line %d has a method other than GET and POST.", e.Name, e.Line)
	case method != given:
		found.Warn(14104, "The %s in line %d has the method %.60q. "+
			"Twilio's documentation writes methods in capitals.", e.Name, e.Line, given)
	}
	return method, found
}

// checkSchema warns about attributes and elements that TwiML does not have. Twilio ignores them.
func checkSchema(e *Element) Findings {
	found := checkAttributes(e)
	for _, child := range e.Children {
		if slices.Contains(schema[e.Name].children, child.Name) {
			found = append(found, checkSchema(child)...)
		} else {
			found.Warn(12200, "The <%.60s> in line %d is not valid in a <%s>. Twilio ignores it.",
				child.Name, child.Line, e.Name)
		}
	}
	return found
}

// checkAttributes warns about unknown attributes. It accepts every attribute with a prefix, such as xml:space, because
// XML and its schemas use them.
func checkAttributes(e *Element) (found Findings) {
	for _, a := range e.Attributes {
		if a.Name.Space == "" && !slices.Contains(schema[e.Name].attributes, a.Name.Local) {
			found.Warn(12200, "The <%s> in line %d has the unknown attribute %.60q.", e.Name, e.Line, a.Name.Local)
		}
	}
	return found
}

// isBlank reports whether a text is empty or has only white space.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }
