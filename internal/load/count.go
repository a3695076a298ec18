package load

import (
	"strconv"
	"strings"

	"smsession/internal/phone"
)

// The texts of Twilio's tutorial: https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
const (
	firstText = "Hello, thanks for the new message."
	laterText = "Hello, thanks for message number "
)

// countOf is the count that the sender reads, and 0 if the replies are not one text of the tutorial's.
func countOf(replies []phone.Reply) int32 {
	if len(replies) != 1 {
		return 0
	}
	text := replies[0].Body
	if text == firstText {
		return 1
	}
	digits, ok := strings.CutPrefix(text, laterText)
	n, err := strconv.ParseInt(digits, 10, 32)
	if !ok || err != nil || n < 2 || digits[0] == '0' || digits[0] == '+' {
		return 0
	}
	return int32(n)
}
