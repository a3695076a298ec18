// Package webhook shows to which URLs Twilio sends the messages of a number, and sets them to the URLs of the service.
// It contains the rules for these URLs.
package webhook

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
	"smsession/internal/weburl"
)

// Status describes a number at Twilio, and whether its messages reach the service.
type Status struct {
	rest.Number
	Service        *rest.Service `json:"messaging_service"`         // nil if the number is in no Messaging Service
	ServiceUnknown string        `json:"messaging_service_unknown"` // the reason why Service is not known; empty if it is known
	Ours           *bool         `json:"ours"`                      // messages reach the service; nil if not known
	Note           string        `json:"note"`                      // the reason why they do not, or another problem
}

// Show asks Twilio for a number and compares its webhook with the configuration of the service. It returns the errors
// of rest.Account.Number and of ctx. If it cannot find out the Messaging Service of the number, it returns no error and
// sets ServiceUnknown.
func Show(ctx context.Context, account *rest.Account, cfg config.REST, phoneNumber string) (*Status, error) {
	number, err := account.Number(ctx, phoneNumber)
	if err != nil {
		return nil, err
	}
	s := Status{Number: number}
	if s.Service, err = account.Service(ctx, number.SID); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		s.ServiceUnknown = err.Error()
	}
	return s.with(cfg, number.Webhook), nil
}

// with returns the status of the number if its webhook were w.
func (s Status) with(cfg config.REST, w rest.Webhook) *Status {
	s.Webhook = w
	s.Ours, s.Note = s.compare(cfg)
	return &s
}

// compare returns the fields Ours and Note.
func (s Status) compare(cfg config.REST) (ours *bool, note string) {
	w, owner := s.Webhook, "the number"
	switch {
	case s.ApplicationSID != "":
		return new(false), "the application " + s.ApplicationSID +
			" overrides the number's webhook; its URLs are not checked"
	case s.Service != nil && s.Service.Overrides:
		w, owner = s.Service.Webhook, "the Messaging Service "+s.Service.SID+" overrides the number's webhook, and"
	}
	unset := weburl.URL{}
	switch our := cfg.WebhookURL; {
	case w.URL == unset:
		return new(false), owner + " has no webhook"
	case !hasRoute(w.URL, weburl.WebhookPath) && (our == unset || hasRoute(our, weburl.WebhookPath)):
		return new(false), owner + " has a URL that does not end in " + weburl.WebhookPath
	case w.Method != http.MethodPost:
		return new(false), owner + " has the method " + w.Method + ", but the service accepts only POST"
	case our == unset:
		return nil, "neither PUBLIC_URL nor WEBHOOK_URL is set, so there is nothing to compare with"
	case !sameSignature(w.URL, our):
		return new(false), owner + " has another URL than " + our.String() + ", so the service refuses the signatures"
	case w.FallbackURL == unset:
		return new(true), "there is no fallback URL, so senders get no answer while Redis is down"
	case !sameSignature(w.FallbackURL, cfg.FallbackURL) || w.FallbackMethod != http.MethodPost:
		return new(true), "the fallback is not POST " + cfg.FallbackURL.String()
	case s.ServiceUnknown != "":
		return new(true), "unless the number is in a Messaging Service, which is not known: " + s.ServiceUnknown
	}
	return new(true), ""
}

// WriteText writes the status as a table for a person. It returns only the error of w.
func (s *Status) WriteText(w io.Writer) error {
	return s.writeTable(w, webhookRows("SMS webhook", "fallback", s.Webhook))
}

// writeTable writes a table: the names of the number, some rows, what can override the number's webhook, and whether
// messages reach the service.
func (s *Status) writeTable(w io.Writer, rows [][]string) error {
	service, ours := "none", "not known"
	switch {
	case s.ServiceUnknown != "":
		service = "not known: " + s.ServiceUnknown
	case s.Service != nil:
		service = fmt.Sprintf("%s (%s), which %s", s.Service.SID, s.Service.FriendlyName, effect(s.Service))
	}
	if s.Ours != nil {
		ours = map[bool]string{true: "yes", false: "no"}[*s.Ours]
	}
	if s.Note != "" {
		ours += ": " + s.Note
	}
	return terminal.WriteTable(w, slices.Concat(s.nameRows(), rows, [][]string{
		{"application", cmp.Or(s.ApplicationSID, "none")}, {"Messaging Service", service}, {"ours", ours},
	})...)
}

func (s *Status) nameRows() [][]string {
	return [][]string{{"number", s.PhoneNumber}, {"friendly name", s.FriendlyName}}
}

func webhookRows(name, fallbackName string, w rest.Webhook) [][]string {
	return [][]string{{name, request(w.Method, w.URL)}, {fallbackName, request(w.FallbackMethod, w.FallbackURL)}}
}

// request returns how Twilio sends a message: POST and a URL.
func request(method string, url weburl.URL) string {
	if url == (weburl.URL{}) {
		return "none"
	}
	return method + " " + url.Masked()
}

// effect returns what a Messaging Service does with the webhook of its numbers.
func effect(s *rest.Service) string {
	switch {
	case !s.Overrides:
		return "uses the number's webhook"
	case s.Webhook.URL == weburl.URL{}:
		return "accepts no incoming messages"
	}
	return "overrides it: " + request(s.Webhook.Method, s.Webhook.URL)
}
