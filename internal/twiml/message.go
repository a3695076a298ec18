package twiml

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// Twilio's limits for one message (https://www.twilio.com/docs/messaging/twiml/message).
const (
	maxCharacters = 1600
	maxMedia      = 10
)

// readMessage reads a <Message> or an <Sms>. It does not check the content. It does not check the URL of the action
// either, because Twilio reports an invalid URL only when it requests the URL.
func readMessage(e *Element) (v *Verb, found Findings) {
	if e.Name == "Sms" {
		found.Warn(0, "The <Sms> in line %d is deprecated. Use <Message>.", e.Line)
	}
	body, media, more := readContent(e)
	v = &Verb{Body: body, Media: media, To: e.trimmed("to"), From: e.trimmed("from"), Action: e.trimmed("action")}
	v.StatusCallback = e.trimmed("statusCallback")
	return v, slices.Concat(found, more, checkAddresses(e, v))
}

// readContent returns the text and the media of a message. The text includes the text of all Body elements. If the
// message has a Body or a Media, the white space around these elements is only layout.
func readContent(e *Element) (body string, media []string, found Findings) {
	bodies, hasNouns := "", false
	for _, child := range e.Children {
		url := strings.TrimSpace(child.Text)
		switch {
		case child.Name == "Body":
			bodies += child.Text
		case child.Name != "Media":
			continue
		case url == "":
			found.Warn(0, "The Media in line %d has no URL.", child.Line)
		case len(media) == maxMedia:
			found.Warn(0, "The message has more than %d Media. The Media in line %d is left out here. "+
				"It is not confirmed what Twilio does.", maxMedia, child.Line)
		default:
			media = append(media, url)
		}
		hasNouns = true
	}
	if hasNouns && isBlank(e.Text) {
		return bodies, media, found
	}
	if bodies != "" {
		found.Warn(0, "The Message in line %d has text outside its Body. Both texts are sent here. "+
			"It is not confirmed which of them Twilio sends.", e.Line)
	}
	return e.Text + bodies, media, found
}

// checkAddresses checks the addresses and the statusCallback of a message. Twilio refuses a callback whose host has an
// underscore.
func checkAddresses(e *Element, v *Verb) (found Findings) {
	to, hasTo := e.Attribute("to")
	from, hasFrom := e.Attribute("from")
	if hasTo && to == "" || hasFrom && from == "" {
		found.Warn(0, "The %s in line %d has an empty address, which is ignored.", e.Name, e.Line)
	}
	if v.To != "" && !isRecipient(v.To) {
		found.Fail(14101, "The %s in line %d is sent to %.60q, which is not a phone number.", e.Name, e.Line, to)
	}
	if v.From != "" && !isSender(v.From) {
		found.Fail(14102, "The %s in line %d is sent from %.60q, which is not a valid sender.", e.Name, e.Line, from)
	}
	if v.StatusCallback == "" {
		return found
	}
	callback, err := url.Parse(v.StatusCallback) // may be relative
	isAbsolute := err == nil && (callback.Scheme != "" || callback.Host != "")
	isHTTP := err == nil && slices.Contains([]string{"", "http", "https"}, callback.Scheme)
	if !isHTTP || isAbsolute && (callback.Hostname() == "" || strings.Contains(callback.Host, "_")) {
		found.Fail(14105, "The %s in line %d has a statusCallback that Twilio does not accept.", e.Name, e.Line)
	}
	return found
}

const digits = "0123456789"

// isRecipient reports whether Twilio could send a message to an address. Twilio accepts numbers in their local form and
// the SID of a SIM, so only an address without a digit is certainly invalid. Every address of a channel is accepted.
func isRecipient(address string) bool { return strings.ContainsAny(address, ":"+digits) }

// isSender reports whether Twilio could send a message from an address: a number, a SID of 34 characters, a channel's
// address, or an alphanumeric sender ID, which has at most 11 letters, digits and spaces.
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

// checkContent checks that a message has content and is not too long. It is not confirmed how Twilio counts characters
// outside GSM-7. Its page on error 21617 states only that a character with more bytes counts for more
// (https://www.twilio.com/docs/api/errors/21617).
func checkContent(v Verb) (found Findings) {
	characters, units := 0, 0
	for _, r := range v.Body {
		characters, units = characters+1, units+max(utf16.RuneLen(r), 1)
	}
	switch {
	case isBlank(v.Body) && len(v.Media) == 0:
		found.Fail(14103, "A message has neither text nor media.")
		return found
	case characters > maxCharacters:
		found.Fail(14103, "A message has %d characters. Twilio sends at most %d.", characters, maxCharacters)
		return found
	case units > maxCharacters:
		found.Warn(14103, "A message has %d characters, but %d UTF-16 units. "+
			"It is not confirmed which of them Twilio counts.", characters, units)
	}
	if strings.Trim(v.Body, " \t\r\n") != v.Body {
		found.Warn(0, "A message begins or ends with white space. It is not confirmed whether Twilio sends that.")
	}
	return found
}
