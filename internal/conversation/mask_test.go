package conversation_test

import (
	"testing"

	"smsession/internal/conversation"
)

func TestMaskLeavesTooLittleToCall(t *testing.T) {
	for address, want := range map[string]string{
		"+15551234567":              "+1555•••4567",
		"+441234567890":             "+4412•••7890",
		"whatsapp:+15551234567":     "whatsapp:+1555•••4567",
		"sip:+15551234567@host:506": "sip:+1555•••:506",
		"+3581234567":               "•••67",
		"12345":                     "•••45",
		"AB":                        "•••",
		"":                          "•••",
	} {
		if got := conversation.Mask(address); got != want {
			t.Errorf("%q is masked as %q, want %q", address, got, want)
		}
	}
}
