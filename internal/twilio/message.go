// Package twilio reads the requests that Twilio sends to the webhook, and writes the answers. It parses the form of an
// incoming message, checks its signature, recognizes Twilio's opt-out keywords and writes TwiML. It is not an HTTP
// handler, and it does not choose the reply of a conversation.
package twilio

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

const (
	maxAddress = 256 // bytes; a number has at most 16 characters, the addresses of other channels are longer
	maxDigits  = 20  // E.164 has 15
)

// Message has the parameters of an incoming message. The values are those of the form, without any change.
//
// See https://www.twilio.com/docs/messaging/guides/webhook-request.
type Message struct {
	SID        string // MessageSid, which is the same each time the message is delivered
	AccountSID string
	From       string // E.164 if possible; else a short code, a name, or an address with a channel prefix
	To         string
	Body       string
	OptOutType string // only with Advanced Opt-Out
}

// ParseMessage reads a message from its form. The error may be sent to the client. These are errors:
//   - From, To or MessageSid is missing or empty;
//   - From or To is longer than 256 bytes, or has a + that is not followed by 1 to 20 digits only;
//   - MessageSid is not two capitals and 32 hexadecimal digits;
//   - SmsMessageSid or SmsSid is present and is not the MessageSid.
//
// Any other parameter may be missing, and additional parameters may be present. The signed text has no separators
// between names and values. Without these rules, one signed text could be read as several different messages.
func ParseMessage(f Form) (Message, error) {
	m := Message{
		SID:        f.Get("MessageSid"),
		AccountSID: f.Get("AccountSid"),
		From:       f.Get("From"),
		To:         f.Get("To"),
		Body:       f.Get("Body"),
		OptOutType: f.Get("OptOutType"),
	}
	if err := cmp.Or(CheckAddress("From", m.From), CheckAddress("To", m.To), checkSID(f, m.SID)); err != nil {
		return Message{}, err
	}
	return m, nil
}

func checkSID(f Form, sid string) error {
	switch {
	case sid == "":
		return errors.New("the form has no MessageSid")
	case !isSID(sid):
		return errors.New("MessageSid is not two capitals and 32 hexadecimal digits")
	}
	for _, name := range [...]string{"SmsMessageSid", "SmsSid"} { // older names of MessageSid
		if f.Has(name) && f.Get(name) != sid {
			return fmt.Errorf("%s differs from MessageSid", name)
		}
	}
	return nil
}

// isSID reports whether a text is two capitals and 32 hexadecimal digits.
func isSID(text string) bool {
	return len(text) == 34 &&
		strings.Trim(text[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		strings.Trim(text[2:], "0123456789abcdefABCDEF") == ""
}

// CheckAddress returns an error if an address of a message is empty, is longer than 256 bytes, or has a + that is not
// followed by 1 to 20 digits only. The prefix of a channel, up to the first colon, may come before the +. name is the
// name of the address in the error, such as From.
func CheckAddress(name, address string) error {
	afterChannel := address
	if _, rest, found := strings.Cut(address, ":"); found {
		afterChannel = rest
	}
	switch {
	case address == "":
		return fmt.Errorf("the form has no %s", name)
	case len(address) > maxAddress:
		return fmt.Errorf("%s is longer than %d bytes", name, maxAddress)
	case !isNumberIfPlus(address) || !isNumberIfPlus(afterChannel):
		return fmt.Errorf("%s has a + that is not followed by 1 to %d digits only", name, maxDigits)
	}
	return nil
}

// isNumberIfPlus reports whether a text that begins with + has only digits after the +. It is true for any other text.
func isNumberIfPlus(text string) bool {
	digits, plus := strings.CutPrefix(text, "+")
	return !plus || len(digits) >= 1 && len(digits) <= maxDigits && strings.Trim(digits, "0123456789") == ""
}

// IsReceipt reports whether the form is a delivery receipt (a status callback) and not a message: MessageStatus is
// present, or SmsStatus is present and is neither received nor receiving. In many set-ups, Twilio sends receipts to the
// webhook's URL. The comparison is case-sensitive, because Twilio writes these states in lower case.
//
// Any parameter whose name begins with MessageSt makes the form a receipt, too. Otherwise, an attacker could turn a
// captured receipt into a message by splitting MessageStatus into another name and value. The signed text is sorted and
// MessageSid has a fixed length, so the other name must begin with MessageSt.
//
// See https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func (f Form) IsReceipt() bool {
	i, _ := f.search("MessageSt")
	if i < len(f.sorted) && strings.HasPrefix(f.params[f.sorted[i]].name, "MessageSt") {
		return true
	}
	status := f.Get("SmsStatus")
	return f.Has("SmsStatus") && status != "received" && status != "receiving"
}
