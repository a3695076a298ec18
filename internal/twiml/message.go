package twiml

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readMessage reads a <Message>, or the older <Sms>, which Twilio's page on 14110 still names as a verb. It reports whether
// Twilio continues with the document of the message's action. An invalid action shows when it is requested.
func (r *reader) readMessage(e *Element) (isLast bool) {
	if e.Name == "Sms" {
		r.warn(0, "<Sms>, line %d, is deprecated. Use <Message>.", e.Line)
	}
	r.checkAttributes(e, "to", "from", "action", "method", "statusCallback")
	v := Verb{To: e.trimmed("to"), From: e.trimmed("from"), Action: e.trimmed("action")}
	v.Body, v.Media = r.content(e)
	method, validMethod := r.method(e)
	if !validMethod {
		r.report(14104, "The %s in line %d has a method other than GET and POST.", e.Name, e.Line)
	}
	if v.Action != "" {
		v.Method = method
	}
	isSent := r.checkMessage(e, v) && validMethod && r.addMessage(v)
	if !isSent && v.Action != "" {
		r.warn(0, "The action of a message that is not sent is not requested here. Twilio requests it, with the MessageStatus of the failure.")
	}
	return v.Action != ""
}

// content returns the text of a message with its Bodies, and its Media. If the
// message has a Body or a Media, white space between them is only layout.
func (r *reader) content(e *Element) (body string, media []string) {
	body = e.Text
	bodies, hasNouns := "", false
	for _, child := range e.Children {
		switch child.Name {
		case "Body":
			bodies += r.text(child)
		case "Media":
			media = r.appendMedia(media, child)
		default:
			r.warnNested(e, child)
			continue
		}
		r.checkAttributes(child)
		hasNouns = true
	}
	if hasNouns && isBlank(body) {
		return bodies, media
	}
	if bodies != "" {
		r.warn(0, "The Message in line %d has text outside its Body. Both are sent here. It is not confirmed which of them Twilio sends.", e.Line)
	}
	return body + bodies, media
}

func (r *reader) appendMedia(media []string, e *Element) []string {
	address := strings.TrimSpace(r.text(e))
	switch {
	case address == "":
		r.warn(0, "The Media in line %d has no URL.", e.Line)
	case len(media) == maxMedia:
		r.warn(0, "The message has more than %d Media. The one in line %d is left out. It is not confirmed what Twilio does.", maxMedia, e.Line)
	default:
		media = append(media, address)
	}
	return media
}

// checkMessage reports whether the addresses and the statusCallback of a message are valid. Twilio refuses a callback
// whose host has an underscore.
func (r *reader) checkMessage(e *Element, v Verb) bool {
	to, hasTo := e.Attribute("to")
	from, hasFrom := e.Attribute("from")
	if hasTo && to == "" || hasFrom && from == "" {
		r.warn(0, "The %s in line %d has an empty address, which is ignored.", e.Name, e.Line)
	}
	valid := true
	if v.To != "" && !isRecipient(v.To) {
		r.report(14101, "The %s in line %d is sent to %.60q, which is not a phone number.", e.Name, e.Line, to)
		valid = false
	}
	if v.From != "" && !isSender(v.From) {
		r.report(14102, "The %s in line %d is sent from %.60q, which is not a valid sender.", e.Name, e.Line, from)
		valid = false
	}
	callback, err := url.Parse(e.trimmed("statusCallback")) // may be relative
	isAbsolute := err == nil && (callback.Scheme != "" || callback.Host != "")
	isHTTP := err == nil && slices.Contains([]string{"", "http", "https"}, callback.Scheme)
	if !isHTTP || isAbsolute && (callback.Hostname() == "" || strings.Contains(callback.Host, "_")) {
		r.report(14105, "The %s in line %d has a statusCallback that is not a URL for Twilio.", e.Name, e.Line)
		valid = false
	}
	return valid
}

const digits = "0123456789"

// isRecipient reports whether Twilio could send a message to an address. Twilio accepts numbers in their local form and
// the SID of a SIM, so only an address without a digit is certainly invalid. A channel's addresses are not checked.
func isRecipient(address string) bool { return strings.ContainsAny(address, ":"+digits) }

// isSender reports whether Twilio could send a message from an address: a number, a SID, a channel's address, or an
// alphanumeric sender ID, which has at most 11 letters, digits and spaces.
func isSender(address string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	switch {
	case strings.Contains(address, ":"):
		return true
	case strings.Trim(address, digits+"+-.() ") == "":
		return strings.ContainsAny(address, digits)
	case strings.Trim(address, letters+digits+" ") == "":
		return len(address) <= 11 || len(address) == 34
	}
	return false
}

// addMessage adds a message if Twilio can send it, and reports whether it can: the message has content and is not too
// long. How Twilio counts characters outside GSM-7 is not confirmed. Its page on 21617 states only that characters of more
// bytes count for more (https://www.twilio.com/docs/api/errors/21617).
func (r *reader) addMessage(v Verb) bool {
	characters, units := utf8.RuneCountInString(v.Body), len(utf16.Encode([]rune(v.Body)))
	switch {
	case isBlank(v.Body) && len(v.Media) == 0:
		r.report(14103, "A message has neither text nor media.")
		return false
	case characters > maxCharacters:
		r.report(14103, "A message has %d characters, more than %d.", characters, maxCharacters)
		return false
	case units > maxCharacters:
		r.warn(14103, "A message has %d characters, but %d UTF-16 units. It is not confirmed which of them Twilio counts.", characters, units)
	}
	if strings.Trim(v.Body, " \t\r\n") != v.Body {
		r.warn(0, "A message begins or ends with white space. It is not confirmed whether Twilio sends that.")
	}
	if r.messages++; r.messages <= MaxMessages {
		r.Verbs = append(r.Verbs, v)
	}
	return true
}
