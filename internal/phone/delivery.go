package phone

import (
	"net/http"
	"slices"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/gsm"
	"smsession/internal/twiml"
)

// Delivery is the record of a message and of everything that Twilio would have done to deliver it. A Delivery does not
// change after Send has returned it, so it may be read concurrently.
type Delivery struct {
	Message   Message       `json:"message"`
	Sent      time.Time     `json:"sent"` // by the phone's clock
	Took      time.Duration `json:"took_ns"`
	Exchanges []Exchange    `json:"exchanges"` // all HTTP requests, in order
	Replies   []Reply       `json:"replies"`   // the messages that Twilio sends in reply
	Findings  []Finding     `json:"findings"`
	Cookie    CookieChange  `json:"cookie"`
	OptedOut  bool          `json:"opted_out,omitempty"` // the sender is opted out after the message
	// ActsTwice reports whether the message is a repeat that got another reply. There is an error about it in Findings.
	ActsTwice bool `json:"acts_twice,omitempty"`
	// NotFollowed is the server that Options.Follow refused, or "". The phone then does not know what Twilio would have
	// received from that server.
	NotFollowed string `json:"not_followed,omitempty"`
}

// OK reports whether there is no error among the findings. There may be warnings.
func (d *Delivery) OK() bool {
	return !slices.ContainsFunc(d.Findings, func(f Finding) bool { return !f.Warning })
}

// Reason is the reason for a request.
type Reason string

const (
	Primary    Reason = "primary"    // the first request for a message
	Retry      Reason = "retry"      // another try, as the connection overrides require
	Authorized Reason = "authorized" // the server answered 401, and the URL has a user and a password
	Redirected Reason = "redirect"   // an HTTP redirect
	Fallback   Reason = "fallback"   // the primary URL failed
	Verb       Reason = "<Redirect>" // a <Redirect> in the TwiML
	Action     Reason = "action"     // the action of a <Message>

	StatusCallback Reason = "statusCallback" // the statusCallback of a <Message>
)

// Exchange is one HTTP request and its response.
type Exchange struct {
	Reason  Reason        `json:"reason"`
	Method  string        `json:"method"`
	URL     string        `json:"url"`     // the URL that Twilio signs
	Address string        `json:"address"` // the URL that the phone requested
	Sent    time.Time     `json:"sent"`    // by the phone's clock
	Took    time.Duration `json:"took_ns"`
	Status  int           `json:"status"`          // 0 if there is no complete response
	Error   string        `json:"error,omitempty"` // the reason why there is no complete response, or ""

	// Excerpt has the first lines of the body of a response that Twilio cannot use, such as a 500 or a document that is
	// not TwiML: at most 10 lines of at most 200 characters, without blank lines. They are not escaped.
	Excerpt      []string `json:"excerpt,omitempty"`
	ExcerptIsCut bool     `json:"excerpt_is_cut,omitempty"` // the body has more

	// The other fields are set only if Options.Trace is true. RequestHeader does not contain the password.
	Signature      string      `json:"signature,omitempty"`
	RequestHeader  http.Header `json:"request_header,omitempty"`
	RequestBody    string      `json:"request_body,omitempty"`
	ResponseHeader http.Header `json:"response_header,omitempty"`
	ResponseBody   string      `json:"response_body,omitempty"`
}

// ReplyStatus is what becomes of a reply.
type ReplyStatus string

const (
	Delivered ReplyStatus = "delivered" // the recipient gets the reply
	Refused   ReplyStatus = "refused"   // Twilio does not send the reply, because the recipient is opted out (21610)
)

// Reply is one message in reply: a message of the webhook, or one that Twilio sends itself after STOP, START and HELP.
type Reply struct {
	SID        string       `json:"sid"` // new for each reply, also for the reply to a repeat
	Status     ReplyStatus  `json:"status"`
	FromTwilio bool         `json:"from_twilio,omitempty"` // Twilio's own message
	From       string       `json:"from"`
	To         string       `json:"to"`
	Body       string       `json:"body"`
	Media      []string     `json:"media,omitempty"`
	Segments   gsm.Segments `json:"segments"`
}

// SameReplies reports whether the webhook gave the same replies to two deliveries of a message. It ignores the messages
// of Twilio, and whether the replies were refused.
func SameReplies(a, b []Reply) bool {
	ofWebhook := func(all []Reply) (own []Reply) {
		for _, r := range all {
			if !r.FromTwilio {
				own = append(own, r)
			}
		}
		return own
	}
	return slices.EqualFunc(ofWebhook(a), ofWebhook(b), func(a, b Reply) bool {
		return a.From == b.From && a.To == b.To && a.Body == b.Body && slices.Equal(a.Media, b.Media)
	})
}

// Finding is an entry of Twilio's debugger, or a warning about something that Twilio's documentation leaves open.
type Finding = twiml.Finding

// CookieChange describes how the responses to one message changed the cookies.
type CookieChange string

const (
	NoCookie      CookieChange = "none"    // there were no cookies before, and there are none after
	CookieNew     CookieChange = "new"     // the first cookies were set
	CookieKept    CookieChange = "kept"    // the cookies are the same, even if they were set again
	CookieChanged CookieChange = "changed" // a cookie was added, deleted or got another value
	CookieGone    CookieChange = "gone"    // all cookies were deleted
)

// cookieChange compares the cookies before the first request with those after the last response.
func cookieChange(all []exchanged) CookieChange {
	if len(all) == 0 {
		return NoCookie
	}
	before, after := all[0].before, all[len(all)-1].after
	same := func(a, b cookies.Cookie) bool { return a.Name == b.Name && a.Value == b.Value }
	switch {
	case len(before) == 0 && len(after) == 0:
		return NoCookie
	case len(before) == 0:
		return CookieNew
	case len(after) == 0:
		return CookieGone
	case slices.EqualFunc(before, after, same):
		return CookieKept
	}
	return CookieChanged
}
