// Package phone stands in for Twilio's webhook client. A Phone is one pair of numbers. It signs and sends a person's
// messages as Twilio does, keeps cookies, follows redirects, calls the fallback URL, and reports what Twilio's debugger
// would report. It works with any SMS webhook.
//
// A Phone requests only webhooks. It sends no text messages and does not call Twilio's REST API. Where Twilio's behaviour
// is not documented, it does what is most likely and adds a warning.
package phone

import (
	"cmp"
	"fmt"
	"sync/atomic"
	"time"

	"smsession/internal/cookies"
)

// Phone is a pair of numbers that Twilio knows. It is safe for concurrent use. Messages that overlap start with the same
// cookies. The response that arrives last decides which cookies the phone has afterwards.
type Phone struct {
	options  Options // with their defaults
	webhook  *target
	fallback *target // nil if none is configured
	jar      *cookies.Jar
	skipped  atomic.Int64 // how far the phone's clock is ahead, in nanoseconds
}

// New returns a phone without cookies. It is an error if a number, the token or the webhook is missing, if a URL is not
// http or https with a host, or if a connection override is unknown or out of range. The error does not quote the token
// or a password in a URL.
func New(o Options) (*Phone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.AccountSID = cmp.Or(o.AccountSID, "AC"+randomHex())
	o.Network = cmp.Or(o.Network, new(Network))
	p := &Phone{options: o, jar: cookies.NewJar(o.Jar)}
	var err error
	if p.webhook, err = newTarget(o.Webhook); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if o.Fallback == (Endpoint{}) {
		return p, nil
	}
	if p.fallback, err = newTarget(o.Fallback); err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
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
func (p *Phone) Cookies() []cookies.Cookie { return p.jar.Cookies(p.webhook.public.URL, p.Now()) }
