package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/twilio/twilio-go/client"
)

const (
	apiPatience = 10 * time.Second // for one exchange with the REST API; twilio-go's own time-out
	apiLimit    = 1 << 20          // bytes of an answer: a page has 50 numbers of less than 2 KB
)

// Account is a Twilio account as Twilio's REST API knows it. Its methods wait 10 s for an exchange at most. Their errors
// are one sentence each and never hold the auth token; an answer that is a refusal can be had as an APIError. It is safe
// for concurrent use.
type Account struct {
	// Region and Edge choose another host than api.twilio.com, such as "ie1" and "dublin". Set them before the first use.
	Region, Edge string

	sid, token string
	transport  http.RoundTripper
}

// NewAccount returns the account with the SID sid. A nil transport is http.DefaultTransport.
func NewAccount(sid, authToken string, transport http.RoundTripper) *Account {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Account{sid: sid, token: authToken, transport: transport}
}

// APIError is an answer of Twilio's REST API that is no success.
type APIError struct {
	Status  int    // of HTTP
	Code    int    // see https://www.twilio.com/docs/api/errors; 0 if Twilio named none
	Message string // Twilio's, printable; empty if there is none
}

// Error is a sentence for an operator.
func (e *APIError) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "Twilio refuses the account SID with this auth token (401)"
	case e.Status == http.StatusNotFound:
		return "Twilio knows no such account or number (404)"
	case e.Status == http.StatusTooManyRequests:
		return "Twilio has had too many requests of this account (429): try again in a while"
	case e.Status >= 500:
		return fmt.Sprintf("Twilio failed (%d): try again in a while", e.Status)
	case e.Status < 400:
		return fmt.Sprintf("Twilio answered with a redirect (%d), which is not followed", e.Status)
	}
	sentence := fmt.Sprintf("Twilio refuses the request (%d", e.Status)
	if e.Code != 0 {
		sentence += fmt.Sprintf(", error %d", e.Code)
	}
	if e.Message == "" {
		return sentence + ")"
	}
	return sentence + "): " + e.Message
}

// exchange has a conversation with the API by twilio-go and returns what went wrong with it as a sentence.
func (a *Account) exchange(ctx context.Context, do func(*client.RequestHandler) error) error {
	ctx, cancel := context.WithTimeout(ctx, apiPatience)
	defer cancel()
	carrier := &carrier{ctx: ctx, next: a.transport}
	c := &client.Client{
		Credentials: client.NewCredentials(a.sid, a.token),
		HTTPClient:  &http.Client{Transport: carrier, CheckRedirect: stay},
	}
	c.SetAccountSid(a.sid)
	handler := &client.RequestHandler{Client: c, Region: a.Region, Edge: a.Edge}
	err := do(handler)
	if err == nil && carrier.status/100 == 2 {
		return nil
	}
	return a.fault(ctx, carrier.status, err)
}

// stay follows no redirect: where it leads, the auth token would be sent.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// carrier gives twilio-go's requests what twilio-go cannot: a context and a bound on what is read. One carrier is for one
// exchange at a time.
type carrier struct {
	ctx    context.Context
	next   http.RoundTripper
	status int // of the last answer; 0 if there was none
}

func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	c.status = 0
	answer, err := c.next.RoundTrip(r.WithContext(c.ctx))
	if err != nil {
		return nil, err
	}
	c.status = answer.StatusCode
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, apiLimit), answer.Body}
	return answer, nil
}

// fault says what went wrong: status is that of the last answer, 0 for none.
func (a *Account) fault(ctx context.Context, status int, err error) error {
	var refusal *client.TwilioRestError
	var broken *url.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer from Twilio within %v", apiPatience)
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case status != 0 && status/100 != 2:
		answer := &APIError{Status: status}
		if errors.As(err, &refusal) {
			answer.Code, answer.Message = refusal.Code, a.clean(refusal.Message)
		}
		return answer
	case status != 0:
		return errors.New("cannot understand Twilio's answer")
	case errors.As(err, &broken):
		return fmt.Errorf("cannot reach Twilio: %w", broken.Err) // the whole quotes the URL
	}
	return errors.New("the request to Twilio cannot be made")
}

// clean makes a text from outside fit for a terminal, with the token left out should it be there.
func (a *Account) clean(text string) string {
	const longest = 200
	if a.token != "" {
		text = strings.ReplaceAll(text, a.token, "•••")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// value is what a field of Twilio's that may be null points to.
func value[T any](field *T) T {
	if field == nil {
		var none T
		return none
	}
	return *field
}
