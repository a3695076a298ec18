// Package webhooktest is Twilio's side of the webhook in the tests: it signs, makes MessageSids, sends and reads
// replies. It also waits for events. It is independent of the code under test and imports none of our packages.
package webhooktest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
)

// Sign returns the X-Twilio-Signature of a form that is posted to a URL. The values of a repeated name are sorted and
// signed once each, as Twilio's Node and Python libraries do.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func Sign(authToken, url string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(authToken))
	io.WriteString(mac, url)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			io.WriteString(mac, name+value)
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Greeting returns the tutorial's reply to the nth message of a conversation.
//
// See https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
func Greeting(n int) string {
	if n == 1 {
		return "Hello, thanks for the new message."
	}
	return fmt.Sprintf("Hello, thanks for message number %d", n)
}

// Number returns the number of the message to which a text of the tutorial is the reply. It reports false for any other
// text.
func Number(text string) (n int, isGreeting bool) {
	n = 1
	_, _ = fmt.Sscanf(text, "Hello, thanks for message number %d", &n)
	return n, text == Greeting(n)
}
