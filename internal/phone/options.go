package phone

import (
	"cmp"
	"errors"

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
	switch {
	case o.From == "":
		return errors.New("the sender's number is missing")
	case o.To == "":
		return errors.New("the number that is texted is missing")
	case o.AuthToken == "":
		return errors.New("the auth token is missing")
	case o.Webhook.URL == "":
		return errors.New("the webhook's URL is missing")
	case !(o.Jar.Lose >= 0 && o.Jar.Lose <= 1): // true for NaN, too
		return errors.New("the share of lost cookies is not between 0 and 1")
	}
	return cmp.Or(
		twilio.CheckAddress("the sender's number", o.From),
		twilio.CheckAddress("the number that is texted", o.To),
	)
}
