package load

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"

	"smsession/internal/phone"
)

// Expectation is what the replies must prove besides equal replies to the repeats of a message: that the webhook counts
// the messages of a conversation, and that each reply contains the count. The zero value is ExpectNone.
type Expectation struct {
	name   string         // one of the constants, or the regular expression
	counts *regexp.Regexp // finds the count in a reply; nil for ExpectNone
}

// The names of expectations. Every other name is a regular expression.
const (
	ExpectAuto  = "auto"  // counts as in Twilio's tutorial, if a reply is one of its texts
	ExpectCount = "count" // counts as in Twilio's tutorial
	ExpectNone  = "none"  // no counts
)

// tutorial matches the texts of Twilio's tutorial.
// See https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
const tutorial = `^Hello, thanks for (?:the new message\.|message number ([2-9]|[1-9][0-9]+))$`

// ParseExpectation returns the expectation of a name, or of a regular expression whose one group finds the count in the
// texts of a reply. The error does not quote the text.
func ParseExpectation(text string) (Expectation, error) {
	e, pattern := Expectation{name: text}, text
	switch text {
	case ExpectNone:
		return e, nil
	case ExpectAuto, ExpectCount:
		pattern = tutorial
	}
	var err error
	if e.counts, err = regexp.Compile(pattern); err != nil || e.counts.NumSubexp() != 1 {
		return e, errors.New(
			`--expect must be count, none, or a regular expression with one group for the count, such as 'number (\d+)'`)
	}
	return e, nil
}

// MarshalText returns the name or the regular expression.
func (e Expectation) MarshalText() ([]byte, error) { return []byte(cmp.Or(e.name, ExpectNone)), nil }

// count returns the count in the reply, or 0 if there is none. A reply that matches without the group has the count 1:
// it is a text for the first message. Several messages in reply are one text with several lines.
func (e Expectation) count(replies []phone.Reply) int32 {
	if e.counts == nil || len(replies) == 0 {
		return 0
	}
	text := replies[0].Body
	for _, r := range replies[1:] {
		text += "\n" + r.Body
	}
	switch groups := e.counts.FindStringSubmatch(text); {
	case groups == nil:
		return 0
	case groups[1] == "":
		return 1
	default:
		n, err := strconv.ParseInt(groups[1], 10, 32)
		if err != nil || n < 0 {
			return 0
		}
		return int32(n)
	}
}
