package twilio

import "fmt"

// The longest values that are taken. A number has at most 16 characters and a MessageSid 34; the addresses of other
// channels are longer.
const (
	maxAddress = 256
	maxSID     = 64
)

// Message is what the form of an incoming message says. The values are those of the form, not trimmed or otherwise
// changed.
//
// See https://www.twilio.com/docs/messaging/guides/webhook-request.
type Message struct {
	SID        string // MessageSid: the same however often the message is delivered
	AccountSID string
	From       string // E.164 if possible; else a short code, a name, or an address with a channel prefix
	To         string
	Body       string
	OptOutType string // only with Advanced Opt-Out
}

// ParseMessage reads a message from its form. The error may be told to whoever sent the
// request: From, To or MessageSid is missing, empty or too long (256, 256 and 64 bytes). Any other parameter may be
// missing, and more than these may be present.
func ParseMessage(f Form) (Message, error) {
	m := Message{
		SID:        f.Get("MessageSid"),
		AccountSID: f.Get("AccountSid"),
		From:       f.Get("From"),
		To:         f.Get("To"),
		Body:       f.Get("Body"),
		OptOutType: f.Get("OptOutType"),
	}
	if err := m.check(); err != nil {
		return Message{}, err
	}
	return m, nil
}

func (m Message) check() error {
	for _, field := range [...]struct {
		name, value string
		longest     int
	}{
		{"From", m.From, maxAddress},
		{"To", m.To, maxAddress},
		{"MessageSid", m.SID, maxSID},
	} {
		if field.value == "" {
			return fmt.Errorf("the form has no %s", field.name)
		}
		if len(field.value) > field.longest {
			return fmt.Errorf("%s is longer than %d bytes", field.name, field.longest)
		}
	}
	return nil
}
