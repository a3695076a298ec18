package phone

import (
	"cmp"
	"errors"
	"fmt"

	"smsession/internal/cookies"
	"smsession/internal/twilio"
)

// Options describe a phone: who writes to whom, and how the number is configured at Twilio.
type Options struct {
	From, To  string // required; "whatsapp:+1…" for a channel
	AuthToken string // required; the account's primary token
	Webhook   Endpoint
	Fallback  Endpoint // the zero Endpoint if none is configured

	AccountSID          string // "" generates one
	MessagingServiceSID string // not sent if it is ""

	Jar     cookies.Options
	Network *Network // the connections to use; nil means new ones for this phone
	// Follow is called before an HTTP redirect or a document leads to a server that is neither Webhook's nor
	// Fallback's. The server is given by scheme, host and port, such as "https://sms.example.com:8443". Another scheme
	// is another server. If Follow returns false or is nil, nothing is sent, because a request would carry the pair's
	// cookies and a signature that is made with AuthToken. Follow may be called concurrently, and again for a server
	// that it has allowed.
	Follow func(server string) bool

	Trace bool // keep the headers and bodies of all exchanges
}

// check returns an error for missing fields and for addresses that Twilio does not send. New parses the endpoints.
func (o Options) check() error {
	for _, field := range [...]struct{ name, value string }{
		{"the sender's number", o.From},
		{"the number that is texted", o.To},
		{"the auth token", o.AuthToken},
		{"the webhook's URL", o.Webhook.URL},
	} {
		if field.value == "" {
			return fmt.Errorf("%s is missing", field.name)
		}
	}
	if !(o.Jar.Lose >= 0 && o.Jar.Lose <= 1) { // false for NaN, too
		return errors.New("the share of lost cookies is not between 0 and 1")
	}
	return cmp.Or(
		twilio.CheckAddress("the sender's number", o.From),
		twilio.CheckAddress("the number that is texted", o.To),
	)
}

// setDefaults replaces the zero values of optional fields.
func (o *Options) setDefaults() {
	o.AccountSID = cmp.Or(o.AccountSID, newSID("AC"))
	o.Network = cmp.Or(o.Network, new(Network))
}
