// Package phone stands in for Twilio's webhook client. A Phone is one pair of numbers. It signs and sends a person's
// messages as Twilio does, keeps cookies, follows redirects, calls the fallback URL, and reports what Twilio's debugger
// would report. It works with any SMS webhook.
//
// A Phone requests only webhooks. It sends no text messages and does not call Twilio's REST API. Where Twilio's
// behaviour is not documented, it does what is most likely and adds a warning.
package phone

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

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
	// Follow is called before the phone follows a redirect or a document to a server that is neither Webhook's nor
	// Fallback's. The server is given by scheme, host and port, such as "https://sms.example.com:8443". Another scheme
	// is another server. If Follow returns false or is nil, nothing is sent, because a request would carry the pair's
	// cookies and a signature that is made with AuthToken. Follow may be called concurrently, and again for a server
	// that it has allowed.
	Follow func(server string) bool

	Trace bool // keep the headers and bodies of all exchanges
}

// check returns an error for missing fields and for numbers that are not an address of Twilio. New parses the
// endpoints.
func (o Options) check() error {
	switch {
	case o.From == "":
		return errors.New("the sender's number is missing")
	case o.To == "":
		return errors.New("the recipient's number is missing")
	case o.AuthToken == "":
		return errors.New("the auth token is missing")
	case o.Webhook.URL == "":
		return errors.New("the webhook's URL is missing")
	case !(o.Jar.Lose >= 0 && o.Jar.Lose <= 1): // true for NaN, too
		return errors.New("the share of lost cookies is not between 0 and 1")
	}
	return cmp.Or(
		twilio.CheckAddress("the sender's number", o.From),
		twilio.CheckAddress("the recipient's number", o.To),
	)
}

// Phone is a pair of numbers that Twilio knows. It is safe for concurrent use. Messages that overlap start with the
// same cookies. The response that arrives last decides which cookies the phone has afterwards.
type Phone struct {
	options  Options // with their defaults
	webhook  *target
	fallback *target // nil if none is configured
	jar      *cookies.Jar
	skipped  atomic.Int64 // how far the phone's clock is ahead, in nanoseconds
}

// New returns a phone without cookies. It is an error if a number, the token or the webhook is missing, if a number
// is not an address of Twilio, if Jar.Lose is not between 0 and 1, or if Check of an endpoint fails. The error is a
// sentence that does not quote the token or a password in a URL.
func New(o Options) (*Phone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.AccountSID = cmp.Or(o.AccountSID, "AC"+RandomHex())
	o.Network = cmp.Or(o.Network, new(Network))
	p := &Phone{options: o, jar: cookies.NewJar(o.Jar)}
	var err error
	if p.webhook, err = newTarget(o.Webhook); err != nil {
		return nil, fmt.Errorf("the webhook cannot be used: %w", err)
	}
	if o.Fallback == (Endpoint{}) {
		return p, nil
	}
	if p.fallback, err = newTarget(o.Fallback); err != nil {
		return nil, fmt.Errorf("the fallback cannot be used: %w", err)
	}
	return p, nil
}

// Skip moves the phone's clock forward. The clock decides when cookies end. It has no effect on the webhook.
func (p *Phone) Skip(d time.Duration) { p.skipped.Add(int64(d)) }

// Now returns the time by the phone's clock.
func (p *Phone) Now() time.Time { return time.Now().Add(time.Duration(p.skipped.Load())) }

// LoseCookies deletes the cookies. A message that is being delivered can still set new ones.
func (p *Phone) LoseCookies() { p.jar.Empty() }

// Cookies returns the cookies of the next message, in order, unless Options.Jar.Lose drops them.
func (p *Phone) Cookies() []cookies.Cookie { return p.jar.Cookies(p.webhook.parsed, p.Now()) }
