package phone

import (
	"fmt"
	"sync/atomic"
	"time"

	"smsession/internal/cookies"
)

// Phone is a pair of numbers that Twilio knows. It is safe for concurrent use: messages that overlap start from the
// cookies as they are, and the last answer to arrive decides what they are afterwards.
type Phone struct {
	options  Options // with what was made up
	webhook  *site
	fallback *site // nil if none is configured
	cookies  *cookies.Jar
	skipped  atomic.Int64 // how far the phone's clock is ahead, in nanoseconds
}

// New returns a phone whose jar is empty. It is an error for a number, the token or the webhook to be missing, for a
// URL not to be http or https with a host, and for a connection override to be unknown or out of its range. The error
// quotes neither the token nor a password in a URL.
func New(o Options) (*Phone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.makeUp()
	p := &Phone{options: o, cookies: cookies.NewJar(o.Jar)}
	var err error
	if p.webhook, err = o.Webhook.site(); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if o.Fallback == (Endpoint{}) {
		return p, nil
	}
	if p.fallback, err = o.Fallback.site(); err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	return p, nil
}

// Skip moves the phone's clock on. It is the jar's clock: whatever the other side remembers is not touched.
func (p *Phone) Skip(d time.Duration) { p.skipped.Add(int64(d)) }

// Now is the time by the phone's clock.
func (p *Phone) Now() time.Time { return time.Now().Add(time.Duration(p.skipped.Load())) }

// LoseCookies empties the jar. What a message that is on its way brings is kept.
func (p *Phone) LoseCookies() { p.cookies.Empty() }

// Cookies returns what the next message will carry, in order, if Jar.Lose does not lose them.
func (p *Phone) Cookies() []cookies.Cookie { return p.cookies.Cookies(p.webhook.parsed, p.Now()) }
