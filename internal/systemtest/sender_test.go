package systemtest

import (
	"fmt"
	"testing"

	"smsession/internal/webhooktest"
)

type reply = webhooktest.Reply

// sender is one phone. It keeps a cookie only if the test passes it on.
type sender struct{ *webhooktest.Sender }

// newSender returns a sender that no replica knows.
func newSender(tb testing.TB) *sender { return &sender{webhooktest.NewSender(tb)} }

// deliver posts a message and returns the reply. If there is no reply, the result has the status 0.
func (s *sender) deliver(server, route, sid, cookie string) reply {
	r, err := s.Send(server, route, sid, cookie)
	if err != nil {
		return reply{Body: err.Error()}
	}
	return r
}

// number returns the count in a text of the tutorial, or 0 for any other text.
func number(text string) int {
	n := 1
	fmt.Sscanf(text, "Hello, thanks for message number %d", &n)
	if text != webhooktest.Greeting(n) {
		return 0
	}
	return n
}
