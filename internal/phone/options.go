package phone

import (
	"errors"
	"fmt"

	"smsession/internal/cookies"
	"smsession/internal/twilio"
)

// Options describe a phone: who texts whom, and what Twilio has been told of the number that is texted.
type Options struct {
	From, To  string // required; with a channel prefix, "whatsapp:+1…", for a channel
	AuthToken string // required: the account's primary token
	Webhook   Endpoint
	Fallback  Endpoint // the zero Endpoint: none is configured

	AccountSID          string // "" makes one up
	MessagingServiceSID string // sent if set
	ProfileName         string // WhatsApp's; "" makes one up
	FromPlace, ToPlace  Place

	Jar     cookies.Options
	Network *Network // whose connections to use; nil makes one of the phone's own
	// Follow is called before an HTTP redirect or a document leads to a server that is neither Webhook's nor
	// Fallback's. The server is given by scheme, host and port, such as "https://sms.example.com:8443"; another scheme
	// is another server. If Follow returns false or is nil, nothing is sent: a request would carry the pair's cookies
	// and a signature made with AuthToken. Follow may be called concurrently, and again for a server that it has
	// allowed.
	Follow func(server string) bool

	Trace bool // keep the headers and bodies of every exchange
}

// Place is what Twilio believes of where a number belongs. What is not known is sent empty; of a place that is not
// known at all, the country is still sent where the number tells it: US for +1, as in what was captured.
type Place struct{ City, State, Zip, Country string }

// check returns an error for missing fields and for addresses that Twilio does not send. The endpoints are checked when
// they are parsed.
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
	for _, field := range [...]struct{ name, value string }{
		{"the sender's number", o.From},
		{"the number that is texted", o.To},
	} {
		if err := twilio.CheckAddress(field.name, field.value); err != nil {
			return err
		}
	}
	if !(o.Jar.Lose >= 0 && o.Jar.Lose <= 1) { // not a number is neither
		return errors.New("the share of lost cookies is not between 0 and 1")
	}
	return nil
}

// makeUp fills in what may be left out.
func (o *Options) makeUp() {
	if o.AccountSID == "" {
		o.AccountSID = newSID("AC")
	}
	if o.ProfileName == "" {
		o.ProfileName = "Somebody"
	}
	if o.Network == nil {
		o.Network = new(Network)
	}
}
