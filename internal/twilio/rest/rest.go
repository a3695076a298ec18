// Package rest reads and sets the webhook of a phone number through Twilio's REST API. Nothing else in the program
// imports twilio-go. This package imports only its client: to compile the API's resources takes longer than to compile
// all of this program.
package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
)

const (
	timeout     = 10 * time.Second // for all requests of one call; the same as in twilio-go
	maxResponse = 1 << 20          // bytes; a page has 50 numbers of less than 2 KB
	maxMessage  = 200              // characters of Twilio's error message
)

// Account is a Twilio account. Each method takes at most 10 s. An error is one sentence and never contains the auth
// token. If Twilio rejected the request, the error is an *Error. If the context ended, the error wraps the error of the
// context. Any other error
// has no type to match: Twilio could not be reached, did not answer in time, or did not answer in JSON.
// An Account is safe for concurrent use while its fields do not change.
type Account struct {
	SID, AuthToken string
	// Region and Edge choose another host than api.twilio.com, such as "ie1" and "dublin".
	Region, Edge string
	Transport    http.RoundTripper // nil means http.DefaultTransport
}

// Error is a response of Twilio's REST API that is not a success.
type Error struct {
	Status  int    // the HTTP status
	Code    int    // see https://www.twilio.com/docs/api/errors; 0 if Twilio gave none
	Message string // Twilio's message, not escaped; empty if Twilio gave none
}

// Error returns a sentence for an operator.
func (e *Error) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "Twilio rejected the account SID and the auth token (401)"
	case e.Status == http.StatusNotFound:
		return "Twilio found no such account or number (404)"
	case e.Status == http.StatusTooManyRequests:
		return "Twilio received too many requests from this account (429): try again later"
	case e.Status >= 500:
		return fmt.Sprintf("Twilio failed (%d): try again later", e.Status)
	case e.Status < 400:
		return fmt.Sprintf("Twilio answered with a redirect (%d), which is not followed", e.Status)
	}
	sentence := fmt.Sprintf("Twilio rejected the request (%d", e.Status)
	if e.Code != 0 {
		sentence += fmt.Sprintf(", error %d", e.Code)
	}
	if e.Message == "" {
		return sentence + ")"
	}
	return sentence + "): " + e.Message
}

// call makes requests with twilio-go. Its error is a sentence for an operator.
func (a *Account) call(ctx context.Context, do func(*client.RequestHandler) error) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// twilio-go takes no context, so the transport adds it.
	transport := roundTripper(func(r *http.Request) (*http.Response, error) { return a.send(r.WithContext(bounded)) })
	c := &client.Client{Credentials: client.NewCredentials(a.SID, a.AuthToken),
		HTTPClient: &http.Client{Transport: transport}}
	c.SetAccountSid(a.SID)
	err := do(&client.RequestHandler{Client: c, Region: a.Region, Edge: a.Edge})

	var rejected *Error
	var unreachable *url.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case bounded.Err() != nil:
		return fmt.Errorf("no complete answer from Twilio within %v", timeout)
	case errors.As(err, &rejected):
		return rejected
	case errors.As(err, &unreachable):
		return fmt.Errorf("cannot reach Twilio: %w", unreachable.Err) // unreachable itself quotes the URL
	}
	return errors.New("cannot understand Twilio's answer")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// send sends one request for twilio-go. A response that is not a success becomes an *Error. Otherwise twilio-go would
// lose the status if the body is not JSON, and net/http would follow a redirect and send the auth token there.
func (a *Account) send(r *http.Request) (*http.Response, error) {
	res, err := cmp.Or(a.Transport, http.DefaultTransport).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	limited := io.LimitReader(res.Body, maxResponse)
	if res.StatusCode/100 == 2 {
		res.Body = struct {
			io.Reader
			io.Closer
		}{limited, res.Body}
		return res, nil
	}
	defer res.Body.Close()
	var body struct {
		Code    int
		Message string
	}
	_ = json.NewDecoder(limited).Decode(&body) // a proxy's error page has no code and no message
	return nil, &Error{Status: res.StatusCode, Code: body.Code, Message: a.shorten(body.Message)}
}

// get reads a JSON object into response.
func get(h *client.RequestHandler, address string, query url.Values, response any) error {
	res, err := h.Get(address, query, nil, "")
	return decode(res, err, response)
}

// post sends a form and reads a JSON object into response.
func post(h *client.RequestHandler, address string, form url.Values, response any) error {
	header := map[string]any{"Content-Type": "application/x-www-form-urlencoded"} // twilio-go sends none by itself
	res, err := h.Post(address, form, header, "")
	return decode(res, err, response)
}

func decode(res *http.Response, err error, response any) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(response)
}

// shorten removes the auth token from a message and cuts it off after 200 characters.
func (a *Account) shorten(message string) string {
	if a.AuthToken != "" {
		message = strings.ReplaceAll(message, a.AuthToken, "•••")
	}
	if runes := []rune(message); len(runes) > maxMessage {
		return string(runes[:maxMessage]) + "…"
	}
	return message
}
