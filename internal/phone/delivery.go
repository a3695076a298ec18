package phone

import (
	"net/http"
	"slices"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/gsm"
)

// Delivery is what became of a message: everything that Twilio would have done about it.
type Delivery struct {
	Message   Message       `json:"message"`
	Sent      time.Time     `json:"sent"` // by the phone's clock
	Took      time.Duration `json:"took_ns"`
	Exchanges []Exchange    `json:"exchanges"` // every HTTP request, in order
	Replies   []Reply       `json:"replies"`   // what the sender gets
	Findings  []Finding     `json:"findings"`
	Cookie    CookieChange  `json:"cookie"`
	// NotFollowed is the server that the webhook leads to, if Options.Follow refused it. It is then not known what
	// Twilio would have received from that server.
	NotFollowed string `json:"not_followed,omitempty"`
}

// OK reports whether Twilio would have logged no error for the requests that the phone made. Warnings are not errors.
func (d *Delivery) OK() bool {
	for _, f := range d.Findings {
		if !f.Warning {
			return false
		}
	}
	return true
}

// Reason says why a request was made.
type Reason string

const (
	Primary    Reason = "primary"
	Retry      Reason = "retry"      // the one before failed in a way that the connection overrides have retried
	Authorized Reason = "authorized" // the one before was answered 401, and the URL has a user and a password
	Redirected Reason = "redirect"   // an HTTP redirect
	Fallback   Reason = "fallback"   // the primary URL failed
	Verb       Reason = "<Redirect>" // the TwiML said so
	Action     Reason = "action"     // a <Message> has an action
)

// Exchange is one HTTP request and what came back.
type Exchange struct {
	Reason  Reason        `json:"reason"`
	Method  string        `json:"method"`
	URL     string        `json:"url"`     // as Twilio knows it: what is signed
	Address string        `json:"address"` // where it went
	Sent    time.Time     `json:"sent"`    // by the phone's clock
	Took    time.Duration `json:"took_ns"`
	Status  int           `json:"status"`          // 0 if no whole response came
	Error   string        `json:"error,omitempty"` // why none came

	// With Options.Trace only:
	Signature      string      `json:"signature,omitempty"`
	RequestHeader  http.Header `json:"request_header,omitempty"`
	RequestBody    string      `json:"request_body,omitempty"`
	ResponseHeader http.Header `json:"response_header,omitempty"`
	ResponseBody   string      `json:"response_body,omitempty"`
}

// Reply is one message that goes back to the sender.
type Reply struct {
	From     string       `json:"from"`
	To       string       `json:"to"`
	Body     string       `json:"body"`
	Media    []string     `json:"media,omitempty"`
	Segments gsm.Segments `json:"segments"`
}

// Finding is an entry of Twilio's debugger, or a warning of ours.
type Finding struct {
	Code    int    `json:"code,omitempty"` // Twilio's error number; 0 where Twilio has none
	Name    string `json:"name,omitempty"` // Twilio's name for it
	Detail  string `json:"detail"`         // what happened here, one plain sentence
	URL     string `json:"url,omitempty"`  // the exchange that it is about
	Warning bool   `json:"warning,omitempty"`
}

// CookieChange says what a message did to the pair's jar.
type CookieChange string

const (
	NoCookie      CookieChange = "none"    // there was none and there is none
	CookieNew     CookieChange = "new"     // there was none and there is one
	CookieKept    CookieChange = "kept"    // the same value as before, set again or not
	CookieChanged CookieChange = "changed" // another value
	CookieGone    CookieChange = "gone"    // there was one and there is none
)

// cookieChange compares the jar before and after a message.
func cookieChange(before, after cookies.List) CookieChange {
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
