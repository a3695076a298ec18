// Package phone simulates Twilio's webhook client. A Phone sends messages from one number to another. It signs and
// posts each message as Twilio does, keeps cookies, follows redirects, calls the fallback URL, and reports what
// Twilio's debugger would report. It works with any SMS webhook.
//
// A Phone requests only webhooks. It sends no text messages and does not call Twilio's REST API. Where Twilio's
// behaviour is not documented, the phone does what Twilio most likely does, and adds a warning.
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

// Options describe a phone: its two numbers, and how the recipient's number is configured at Twilio.
type Options struct {
	From, To  string // required: the sender and the recipient; "whatsapp:+1…" for a channel
	AuthToken string // the account's primary token; required unless NoSignature is set
	Webhook   Endpoint
	Fallback  Endpoint // the zero Endpoint if no fallback is configured

	AccountSID          string // "" generates one
	MessagingServiceSID string // "" if the recipient's number is in no Messaging Service

	TokenMadeUp bool    // AuthToken is a random one, because nobody gave one; a finding about a 403 says so
	NoSignature bool    // the requests have no X-Twilio-Signature
	Params      []Param // replace the parameters of a message with these names, or are added to them

	OptOut   twilio.OptOutMode // how the account handles opt-out words; "" is OptOutDefault
	OptedOut bool              // the sender is opted out at the beginning
	Skipped  time.Duration     // how far the phone's clock is ahead at the beginning
	Repeats  int               // how many of the latest messages to remember, to compare repeats with them

	Jar     cookies.Options
	Cookies []cookies.Cookie // in the jar at the beginning, such as those of another phone
	Network *Network         // the connections to use; nil means new ones for this phone
	// Follow is called before the phone follows a redirect or a document to a server that is neither Webhook's nor
	// Fallback's. The server is given by scheme, host and port, such as "https://sms.example.com:8443". Another scheme
	// is another server. If Follow returns false or is nil, nothing is sent, because a request would carry the pair's
	// cookies and a signature that is made with AuthToken. Follow may be called concurrently, and again for a server
	// that it has allowed. Its time does not count for the time-outs.
	Follow func(server string) bool

	Trace bool // keep the headers and bodies of all exchanges
}

// check returns an error if a required field is missing or a field is not valid. It does not check the endpoints,
// because New parses them.
func (o Options) check() error {
	switch {
	case o.From == "":
		return errors.New("the sender's number is missing")
	case o.To == "":
		return errors.New("the recipient's number is missing")
	case o.AuthToken == "" && !o.NoSignature:
		return errors.New("the auth token is missing")
	case o.Webhook.URL == "":
		return errors.New("the webhook's URL is missing")
	case !(o.Jar.Lose >= 0 && o.Jar.Lose <= 1): // also an error for NaN
		return errors.New("the share of lost cookies is not between 0 and 1")
	}
	return cmp.Or(
		twilio.CheckAddress("the sender's number", o.From),
		twilio.CheckAddress("the recipient's number", o.To),
	)
}

// Phone sends messages from one number to another, with the cookies of this pair. It is safe for concurrent use.
// Messages that overlap start with the same cookies. The response that arrives last decides which cookies the phone has
// afterwards.
type Phone struct {
	options  Options // with the defaults filled in
	webhook  *target
	fallback *target // nil if no fallback is configured
	jar      *cookies.Jar
	skipped  atomic.Int64 // how far the phone's clock is ahead, in nanoseconds
	optedOut atomic.Bool
	answered answered
}

// New returns a phone whose only cookies are o.Cookies. It returns an error if a number, the token or the webhook is
// missing, if twilio.CheckAddress refuses a number, if Jar.Lose is not between 0 and 1, or if Endpoint.Check refuses an
// endpoint. The error is a sentence that does not quote the token or a password in a URL.
func New(o Options) (*Phone, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.AccountSID = cmp.Or(o.AccountSID, "AC"+RandomHex())
	o.Network = cmp.Or(o.Network, new(Network))
	if o.OptOut == twilio.OptOutAdvanced { // it is a feature of Messaging Services
		o.MessagingServiceSID = cmp.Or(o.MessagingServiceSID, "MG"+RandomHex())
	}
	p := &Phone{options: o, jar: cookies.NewJar(o.Jar), answered: answered{limit: o.Repeats}}
	p.optedOut.Store(o.OptedOut && o.OptOut != twilio.OptOutOff)
	p.Skip(o.Skipped)
	p.jar.Update(cookies.Snapshot{}, o.Cookies, p.Now())
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

// Skip moves the phone's clock forward. The clock decides when cookies expire. Skip does not change the clock of
// the webhook.
func (p *Phone) Skip(d time.Duration) { p.skipped.Add(int64(d)) }

// Skipped returns how far the phone's clock is ahead.
func (p *Phone) Skipped() time.Duration { return time.Duration(p.skipped.Load()) }

// Now returns the time by the phone's clock.
func (p *Phone) Now() time.Time { return time.Now().Add(p.Skipped()) }

// OptedOut reports whether the sender is opted out: they sent STOP, and no START since.
func (p *Phone) OptedOut() bool { return p.optedOut.Load() }

// LoseCookies deletes the cookies. A message that is being delivered can still set new ones.
func (p *Phone) LoseCookies() { p.jar.Empty() }

// Cookies returns the cookies that the next message would carry, as cookies.Jar.Cookies does.
func (p *Phone) Cookies() []cookies.Cookie { return p.jar.Cookies(p.webhook.parsed, p.Now()) }
