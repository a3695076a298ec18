// Package webhook shows where Twilio posts the messages to a number, and sets it to the service. It has the rules for the
// URLs of a webhook.
package webhook

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
	"smsession/internal/weburl"
)

// Status is a number as it is at Twilio, and whether its messages reach the service. The logins in its URLs are hidden.
type Status struct {
	rest.Number
	Service        *rest.Service `json:"messaging_service"`         // nil if the number is in no Messaging Service
	ServiceUnknown string        `json:"messaging_service_unknown"` // why Service is not known, else empty
	Ours           *bool         `json:"ours"`                      // whether messages reach the service; nil if not known
	Note           string        `json:"note"`                      // why they do not, or what is wrong although they do

	webhook rest.Webhook // that of the number, with its logins
}

// Show asks Twilio for a number and compares its webhook with the configuration of the service. It is not an error if
// Twilio does not say which Messaging Service the number is in.
func Show(ctx context.Context, account *rest.Account, cfg config.REST, phoneNumber string) (*Status, error) {
	number, err := account.Number(ctx, phoneNumber)
	if err != nil {
		return nil, err
	}
	s := &Status{Number: number}
	if s.Service, err = account.Service(ctx, number.SID); err != nil {
		s.ServiceUnknown = err.Error()
	} else if s.Service != nil {
		s.Service.Webhook = masked(s.Service.Webhook)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.with(cfg, number.Webhook), nil
}

// with returns the status of the number if it had another webhook.
func (s *Status) with(cfg config.REST, w rest.Webhook) *Status {
	changed := *s
	changed.webhook, changed.Webhook = w, masked(w)
	changed.Ours, changed.Note = changed.compare(cfg)
	return &changed
}

func masked(w rest.Webhook) rest.Webhook {
	w.URL, w.FallbackURL = mask(w.URL), mask(w.FallbackURL)
	return w
}

// compare returns the fields Ours and Note.
func (s *Status) compare(cfg config.REST) (ours *bool, note string) {
	yes, no := true, false
	w, owner := s.Webhook, "the number"
	switch {
	case s.ApplicationSID != "":
		return &no, "the application " + s.ApplicationSID + " overrides the number's webhook; its URLs are not checked"
	case s.Service != nil && s.Service.Overrides:
		w, owner = s.Service.Webhook, "the Messaging Service "+s.Service.SID+" overrides the number's webhook, and"
	}
	url, our := weburl.Split(w.URL), cfg.WebhookURL
	switch {
	case w.URL == "":
		return &no, owner + " has no webhook"
	case !hasRoute(url, weburl.WebhookPath) && (our == weburl.URL{} || hasRoute(our, weburl.WebhookPath)):
		return &no, owner + " has a URL that does not end in " + weburl.WebhookPath
	case w.Method != http.MethodPost:
		return &no, owner + " has the method " + w.Method + ", but the service accepts only POST"
	case our == weburl.URL{}:
		return nil, "neither PUBLIC_URL nor WEBHOOK_URL is set, so there is nothing to compare with"
	case !sameSignature(url, our):
		return &no, owner + " has another URL than " + our.String() + ", so the service refuses the signatures"
	case w.FallbackURL == "":
		return &yes, "there is no fallback URL, so senders get no answer while Redis is down"
	case !sameSignature(weburl.Split(w.FallbackURL), cfg.FallbackURL) || w.FallbackMethod != http.MethodPost:
		return &yes, "the fallback is not POST " + cfg.FallbackURL.String()
	case s.ServiceUnknown != "":
		return &yes, "unless the number is in a Messaging Service, which is not known: " + s.ServiceUnknown
	}
	return &yes, ""
}

// WriteText writes the status as a table.
func (s *Status) WriteText(w io.Writer) error {
	rows := append(s.nameRows(), webhookRows("SMS webhook", "fallback", s.Webhook)...)
	return terminal.WriteTable(w, append(rows, s.overrideRows()...)...)
}

func (s *Status) nameRows() [][]string {
	return [][]string{{"number", s.PhoneNumber}, {"friendly name", s.FriendlyName}}
}

func webhookRows(name, fallbackName string, w rest.Webhook) [][]string {
	return [][]string{{name, methodAndURL(w.Method, w.URL)}, {fallbackName, methodAndURL(w.FallbackMethod, w.FallbackURL)}}
}

func methodAndURL(method, url string) string {
	if url == "" {
		return "none"
	}
	return method + " " + url
}

// overrideRows returns what can override the number's webhook, and whether messages reach the service.
func (s *Status) overrideRows() [][]string {
	service, ours := "none", "not known"
	if s.Ours != nil {
		ours = map[bool]string{true: "yes", false: "no"}[*s.Ours]
	}
	if s.Note != "" {
		ours += ": " + s.Note
	}
	if s.ServiceUnknown != "" {
		service = "not known: " + s.ServiceUnknown
	} else if s.Service != nil {
		service = fmt.Sprintf("%s (%s), which %s", s.Service.SID, s.Service.FriendlyName, effect(s.Service))
	}
	return [][]string{{"application", cmp.Or(s.ApplicationSID, "none")}, {"Messaging Service", service}, {"ours", ours}}
}

// effect returns what a Messaging Service does with the webhook of its numbers.
func effect(s *rest.Service) string {
	switch {
	case !s.Overrides:
		return "uses the number's webhook"
	case s.Webhook.URL == "":
		return "accepts no incoming messages"
	}
	return "overrides it: " + methodAndURL(s.Webhook.Method, s.Webhook.URL)
}
