package phone

import (
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Twilio's limits for one message (https://www.twilio.com/docs/messaging/twiml/message).
const (
	mostText  = 1600
	mostMedia = 10
)

// message reads a <Message>, or the <Sms> of old, which 14110 still names as a verb, and reports whether an action takes
// the flow over. Twilio says that a message with an invalid attribute has the MessageStatus invalid: it does not go out.
func (j *judgement) message(n *node) (leads bool) {
	if n.name == "Sms" {
		j.caution(0, "<Sms>, line %d, is deprecated: <Message> takes its place.", n.line)
	}
	j.checkAttributes(n, "to", "from", "action", "method", "statusCallback")
	v := verb{kind: verbMessage}
	v.body, v.media = j.content(n)
	sound := j.addresses(n, &v)
	sound = j.callbacks(n, &v) && sound
	if sound {
		j.verbs = append(j.verbs, v)
	} else {
		j.dropped(&v)
	}
	return v.action != ""
}

// dropped warns that of a message that does not go out the action is not told. Twilio tells it, by the MessageStatus.
func (j *judgement) dropped(v *verb) {
	if v.action != "" {
		j.caution(0, "The action of a message that does not go out is not asked for here. Twilio asks, with a MessageStatus that says so.")
	}
}

// content is what a message says: its text and its Bodies put together, and its Media. Beside a Body or a Media, white
// space is only layout.
func (j *judgement) content(n *node) (body string, media []string) {
	var all, bodies strings.Builder
	nouns, spoken := false, false
	for _, child := range n.nodes {
		switch child.name {
		case "":
			all.WriteString(child.text)
			spoken = spoken || !blank(child.text)
			continue
		case "Body":
			text := j.text(child)
			all.WriteString(text)
			bodies.WriteString(text)
		case "Media":
			media = j.media(child, media)
		default:
			j.checkNested(n, child)
			continue
		}
		j.checkAttributes(child)
		nouns = true
	}
	if nouns && !spoken {
		return bodies.String(), media
	}
	if bodies.Len() > 0 {
		j.caution(0, "The Message of line %d has text beside its Body. Which of them Twilio sends is not confirmed; here it is both.", n.line)
	}
	return all.String(), media
}

func (j *judgement) media(n *node, media []string) []string {
	address := strings.TrimSpace(j.text(n))
	switch {
	case address == "":
		j.caution(0, "The Media of line %d has no URL.", n.line)
		return media
	case len(media) == mostMedia:
		j.caution(0, "The Media of line %d is one more than %d. What Twilio does about it is not confirmed; here it is left out.", n.line, mostMedia)
		return media
	default:
		return append(media, address)
	}
}

// addresses reads to and from, and reports whether a message can go between them.
func (j *judgement) addresses(n *node, v *verb) bool {
	to, given := n.attribute("to")
	from, alsoGiven := n.attribute("from")
	if given && to == "" || alsoGiven && from == "" {
		j.caution(0, "The %s of line %d has an empty address. It is taken for none.", n.short(), n.line)
	}
	v.to, v.from = strings.TrimSpace(to), strings.TrimSpace(from)
	sound := true
	if v.to != "" && !recipient(v.to) {
		j.fault(14101, "The %s of line %d goes to %s, which is no phone number.", n.short(), n.line, quote(to))
		sound = false
	}
	if v.from != "" && !sender(v.from) {
		j.fault(14102, "The %s of line %d comes from %s, which is no sender.", n.short(), n.line, quote(from))
		sound = false
	}
	return sound
}

// recipient reports whether a message could go there. Twilio takes numbers as they are written locally, and the SID of
// a SIM; so only what has no digit in it is certain to be none. A channel's addresses are the channel's affair.
func recipient(address string) bool {
	return strings.Contains(address, ":") || strings.ContainsAny(address, "0123456789")
}

// sender reports whether a message could come from there: a number, a SID, a channel's address, or an alphanumeric
// sender ID, which has at most 11 of A to Z, a to z, 0 to 9 and space.
func sender(address string) bool {
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	switch {
	case strings.Contains(address, ":"):
		return true
	case strings.Trim(address, digits+"+-.() ") == "":
		return strings.ContainsAny(address, digits)
	case strings.Trim(address, letters+digits+" ") == "":
		return len(address) <= 11 || len(address) == 34
	default:
		return false
	}
}

// callbacks reads action, method and statusCallback, and reports whether they are what they should be. An action is
// judged when it is asked for.
func (j *judgement) callbacks(n *node, v *verb) bool {
	status, _ := n.attribute("statusCallback")
	sound := callback(strings.TrimSpace(status))
	if !sound {
		j.fault(14105, "The %s of line %d has a statusCallback that is no URL for Twilio.", n.short(), n.line)
	}
	method, ok := j.method(n)
	if !ok {
		j.fault(14104, "The %s of line %d has another method than GET and POST.", n.short(), n.line)
	}
	action, _ := n.attribute("action")
	if v.action = strings.TrimSpace(action); v.action != "" {
		v.method = method
	}
	return sound && ok
}

// callback reports whether it is a URL that Twilio could ask for, relative or absolute. Underscores are not permitted
// in the host of the latter.
func callback(address string) bool {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return false
	case u.Scheme == "" && u.Host == "":
		return true
	case u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https":
		return u.Hostname() != "" && !strings.Contains(u.Host, "_")
	default:
		return false
	}
}

// enforce drops the messages that Twilio would not send, in place. What stands behind one is executed all the same.
func (j *judgement) enforce() {
	kept, messages, excess := j.verbs[:0], 0, 0
	for i := range j.verbs {
		v := &j.verbs[i]
		if v.kind == verbMessage {
			if !j.sendable(v) {
				j.dropped(v)
				continue
			}
			if messages++; messages > mostReplies {
				excess++
				continue
			}
		}
		kept = append(kept, *v)
	}
	if excess > 0 {
		j.fault(14109, "The document has %d messages. At most %d go out; that they are the first, as here, is not confirmed.", messages, mostReplies)
	}
	if j.verbs = kept; len(kept) == 0 {
		j.verbs = nil
	}
}

// sendable reports whether there is something to send that is not too long. What Twilio counts as a character outside
// GSM-7 is not confirmed: by https://www.twilio.com/docs/api/errors/21617 what takes more bytes counts for more.
func (j *judgement) sendable(v *verb) bool {
	if blank(v.body) && len(v.media) == 0 {
		j.fault(14103, "A message has neither text nor media.")
		return false
	}
	if len(v.body) <= mostText && !edged(v.body) {
		return true
	}
	return j.checkText(v.body)
}

func (j *judgement) checkText(text string) bool {
	characters, units := utf8.RuneCountInString(text), 0
	for _, r := range text {
		units += utf16.RuneLen(r)
	}
	switch {
	case characters > mostText:
		j.fault(14103, "A message has %d characters, more than %d.", characters, mostText)
		return false
	case units > mostText:
		j.caution(14103, "A message has %d characters, but %d units of UTF-16. Which of them Twilio counts is not confirmed.", characters, units)
	}
	if edged(text) {
		j.caution(0, "A message begins or ends with white space. Whether Twilio sends that is not confirmed.")
	}
	return true
}

// edged reports whether a text begins or ends with white space.
func edged(text string) bool {
	return text != "" && (space(text[0]) || space(text[len(text)-1]))
}
