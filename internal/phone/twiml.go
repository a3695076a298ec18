package phone

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// twiml reads a document of XML and leaves the verbs that Twilio would execute.
//
// See https://www.twilio.com/docs/messaging/twiml#how-twilios-twiml-interpreter-works.
func (j *judgement) twiml(body []byte) {
	if verbs, ok := quickVerbs(body); ok {
		j.verbs = verbs
	} else {
		j.interpret(body)
	}
	j.enforce()
}

// interpret is twiml for documents of any shape.
func (j *judgement) interpret(body []byte) {
	document, err := parseXML(body)
	for _, doubt := range document.doubts {
		j.caution(0, "%s", doubt)
	}
	var malformed *malformedError
	if errors.As(err, &malformed) {
		j.fail(12100, "The document is not well-formed XML, line %d: %s.", malformed.line, malformed.problem)
		return
	}
	root := document.root
	if root.name != "Response" {
		j.fail(12102, "The root element is %s.", quote(root.name))
		return
	}
	if version, ok := root.attribute("version"); ok && !apiVersion(version) {
		j.fail(12101, "The Response has the version %s.", quote(version))
		return
	}
	j.checkAttributes(root, "version")
	j.response(root)
}

// apiVersion reports whether it is a version of Twilio's API, which is what the attribute of a Response names
// (https://www.twilio.com/docs/api/errors/12101). Today's documentation of Response has no attributes any more.
func apiVersion(version string) bool { return version == "2010-04-01" || version == "2008-08-01" }

// response takes the verbs of the Response up to the one that hands the flow to another document.
func (j *judgement) response(root *node) {
	for i, child := range root.nodes {
		switch child.name {
		case "":
			j.checkStray(root, child)
		case "Message", "Sms":
			if j.message(child) {
				j.checkUnreachable(child, root.nodes[i+1:])
				return
			}
		case "Redirect":
			j.redirect(child)
			j.checkUnreachable(child, root.nodes[i+1:])
			return
		default:
			j.fault(14110, "<%s>, line %d, is no verb for a message: Message and Redirect are, spelled so.", child.short(), child.line)
		}
	}
}

func (j *judgement) redirect(n *node) {
	j.checkAttributes(n, "method")
	v := verb{kind: verbRedirect, url: strings.TrimSpace(j.text(n))}
	var sound bool
	if v.method, sound = j.method(n); !sound {
		j.caution(14104, "The Redirect of line %d has another method than GET and POST. It is taken for POST.", n.line)
	}
	if v.url == "" {
		j.caution(0, "The Redirect of line %d has no URL. That Twilio asks for the same document again, as is done here, is not confirmed.", n.line)
	}
	j.verbs = append(j.verbs, v)
}

// method returns what is to be asked with, POST if the element does not say, and whether it is one that can be.
func (j *judgement) method(n *node) (string, bool) {
	method, given := n.attribute("method")
	if !given {
		return http.MethodPost, true
	}
	upper := strings.ToUpper(method)
	if upper != http.MethodGet && upper != http.MethodPost {
		return http.MethodPost, false
	}
	if upper != method {
		j.caution(14104, "The %s of line %d has the method %s. Twilio writes it in capitals.", n.short(), n.line, quote(method))
	}
	return upper, true
}

// text is the text of an element that may hold nothing else.
func (j *judgement) text(n *node) string {
	var text strings.Builder
	for _, child := range n.nodes {
		if child.name == "" {
			text.WriteString(child.text)
		} else {
			j.checkNested(n, child)
		}
	}
	return text.String()
}

// checkAttributes warns of attributes that the element does not have. Those with a prefix are the schema's own.
func (j *judgement) checkAttributes(n *node, known ...string) {
	for _, a := range n.attributes {
		if !a.prefixed && !slices.Contains(known, a.name) {
			j.caution(12200, "<%s>, line %d, has no attribute %s.", n.short(), n.line, quote(a.name))
		}
	}
}

// checkStray warns of text where there can be none; Twilio sends none of it.
func (j *judgement) checkStray(n, text *node) {
	if !blank(text.text) {
		j.caution(12200, "<%s>, line %d, has text of its own, which goes nowhere.", n.short(), n.line)
	}
}

func (j *judgement) checkNested(n, child *node) {
	j.caution(12200, "<%s>, line %d, cannot stand in <%s>; it is left out.", child.short(), child.line, n.short())
}

// checkUnreachable warns of verbs behind one that hands the flow over.
func (j *judgement) checkUnreachable(n *node, rest []*node) {
	for _, child := range rest {
		if child.name != "" {
			j.caution(0, "What follows the %s of line %d is never reached.", n.short(), n.line)
			return
		}
	}
}

// blank reports whether there is nothing in a text to see.
func blank(text string) bool { return strings.TrimSpace(text) == "" }
