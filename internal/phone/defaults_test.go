package phone

import (
	"testing"
	"time"
)

// The figures are Twilio's: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
func TestTwilioWaitsFiveSecondsToConnectAndFifteenInAll(t *testing.T) {
	want := overrides{connect: 5 * time.Second, read: 15 * time.Second, total: 15 * time.Second, retries: 1, policy: retryConnect, sni: true}
	if o, err := parseOverrides(""); err != nil || o != want {
		t.Errorf("without overrides: %+v, %v, want %+v", o, err, want)
	}
}
