package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"unicode"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
)

// numberState is what Twilio has for a number.
type numberState struct {
	number    rest.Number
	service   *rest.Service // the Messaging Service that has the number, nil if none
	uncertain error         // why the Messaging Service could not be asked for
}

// look asks Twilio. That the Messaging Services cannot be asked for is no failure: a number's own webhook is known then.
func look(ctx context.Context, account *rest.Account, number string) (state numberState, err error) {
	if state.number, err = account.Number(ctx, number); err != nil {
		return state, err
	}
	state.service, state.uncertain = account.Service(ctx, state.number.SID)
	return state, ctx.Err()
}

// webhookView is a webhook to be shown: logins masked.
type webhookView struct {
	URL            string `json:"url"`
	Method         string `json:"method"`
	FallbackURL    string `json:"fallback_url"`
	FallbackMethod string `json:"fallback_method"`
}

func viewWebhook(w rest.Webhook) webhookView {
	return webhookView{
		URL: maskLogin(w.URL), Method: w.Method,
		FallbackURL: maskLogin(w.FallbackURL), FallbackMethod: w.FallbackMethod,
	}
}

// serviceView is a Messaging Service to be shown.
type serviceView struct {
	SID          string      `json:"sid"`
	FriendlyName string      `json:"friendly_name"`
	Overrides    bool        `json:"overrides"` // its webhook holds, not the number's
	Webhook      webhookView `json:"webhook"`
}

// numberView is a number to be shown.
type numberView struct {
	Number         string       `json:"number"`
	SID            string       `json:"sid"`
	FriendlyName   string       `json:"friendly_name"`
	Webhook        webhookView  `json:"webhook"`
	ApplicationSID string       `json:"application_sid"`           // empty if none overrides the webhook
	Service        *serviceView `json:"messaging_service"`         // null if none has the number
	ServiceUnknown string       `json:"messaging_service_unknown"` // why it is not known, else empty
	Ours           *bool        `json:"ours"`                      // null if it cannot be told
	Note           string       `json:"note"`                      // why it is not ours, or what is wrong although it is
}

// view returns what is shown of s beside the URLs of the configuration.
func (s numberState) view(cfg config.REST) *numberView {
	v := &numberView{
		Number: s.number.PhoneNumber, SID: s.number.SID, FriendlyName: s.number.FriendlyName,
		Webhook: viewWebhook(s.number.Webhook), ApplicationSID: s.number.ApplicationSID,
	}
	if s.uncertain != nil {
		v.ServiceUnknown = s.uncertain.Error()
	}
	if s.service != nil {
		v.Service = &serviceView{
			SID: s.service.SID, FriendlyName: s.service.FriendlyName,
			Overrides: s.service.Overrides, Webhook: viewWebhook(s.service.Webhook),
		}
	}
	v.Ours, v.Note = s.ours(cfg)
	return v
}

// ours reports whether the messages reach the configured service, and if not, why. Nil means that it is not known.
func (s numberState) ours(cfg config.REST) (*bool, string) {
	yes, no := true, false
	webhook, fallback := "WEBHOOK_URL", "FALLBACK_URL"
	if cfg.WebhookURL.String() == cfg.PublicURL.String()+smsRoute {
		webhook = "PUBLIC_URL with " + smsRoute
	}
	if cfg.FallbackURL.String() == cfg.PublicURL.String()+fallbackRoute {
		fallback = "PUBLIC_URL with " + fallbackRoute
	}
	w, holder := s.number.Webhook, "the number"
	switch {
	case s.number.ApplicationSID != "":
		return &no, "the application " + s.number.ApplicationSID + " overrides the number's webhook, and is not looked into"
	case s.service != nil && s.service.Overrides:
		w, holder = s.service.Webhook, "the Messaging Service "+s.service.SID+" overrides the number's webhook, and"
	}
	switch {
	case w.URL == "":
		return &no, holder + " has none"
	case !hasRoute(w.URL, smsRoute) && (cfg.WebhookURL == config.URL{} || hasRoute(cfg.WebhookURL.String(), smsRoute)):
		return &no, holder + " has a URL that does not end in " + smsRoute
	case w.Method != http.MethodPost:
		return &no, holder + " has the method " + w.Method + ", and the service takes POST"
	case cfg.WebhookURL == config.URL{}:
		return nil, "neither PUBLIC_URL nor WEBHOOK_URL is set, so there is nothing to compare with"
	case signedBase(w.URL) != signedBase(cfg.WebhookURL.String()):
		return &no, holder + " has another URL than " + webhook + ", and signatures over it are refused"
	case w.FallbackURL == "":
		return &yes, "there is no fallback URL: while Redis is away senders get no answer"
	case signedBase(w.FallbackURL) != signedBase(cfg.FallbackURL.String()) || w.FallbackMethod != http.MethodPost:
		return &yes, "the fallback is not the service's: POST to " + fallback
	case s.uncertain != nil:
		return &yes, "unless a Messaging Service has the number, which is not known: " + s.uncertain.Error()
	}
	return &yes, ""
}

// signedBase is what the service's configuration and a webhook's URL must have in common for its signatures to be right:
// neither login, query, fragment nor a default port matter, and every other byte does.
func signedBase(raw string) string {
	without, _ := cutLogin(raw)
	address, _ := splitURL(without)
	scheme, rest, _ := strings.Cut(address, "://")
	host, path, _ := strings.Cut(rest, "/")
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[strings.ToLower(scheme)])
	return scheme + "://" + host + "/" + path
}

// print lays the number out.
func (v *numberView) print(out io.Writer) error {
	return writeRows(out, append([][2]string{
		{"number", v.Number},
		{"friendly name", v.FriendlyName},
		{"SMS webhook", methodAndURL(v.Webhook.Method, v.Webhook.URL)},
		{"fallback", methodAndURL(v.Webhook.FallbackMethod, v.Webhook.FallbackURL)},
	}, v.overrides()...))
}

// overrides are the rows about what may hold instead of the number's webhook, and what comes of it.
func (v *numberView) overrides() [][2]string {
	ours := "not known"
	if v.Ours != nil {
		ours = map[bool]string{true: "yes", false: "no"}[*v.Ours]
	}
	if v.Note != "" {
		ours += ": " + v.Note
	}
	return [][2]string{
		{"application", nameOrNone(v.ApplicationSID)},
		{"Messaging Service", v.messagingService()},
		{"ours", ours},
	}
}

func (v *numberView) messagingService() string {
	switch s := v.Service; {
	case v.ServiceUnknown != "":
		return "not known: " + v.ServiceUnknown
	case s == nil:
		return "none"
	case !s.Overrides:
		return fmt.Sprintf("%s (%s), which leaves the webhook to the number", s.SID, s.FriendlyName)
	case s.Webhook.URL == "":
		return fmt.Sprintf("%s (%s), which takes no messages in", s.SID, s.FriendlyName)
	default:
		return fmt.Sprintf("%s (%s), which overrides it: %s", s.SID, s.FriendlyName, methodAndURL(s.Webhook.Method, s.Webhook.URL))
	}
}

// webhookChange is what set did.
type webhookChange struct {
	Answering []answering `json:"answering"` // null if it was not asked
	DryRun    bool        `json:"dry_run"`
	Changed   bool        `json:"changed"`
	Before    *numberView `json:"before"`
	After     *numberView `json:"after"` // with dry_run, what would be; null if it is not known
}

// print lays the change out.
func (c webhookChange) print(out io.Writer) error {
	rows := [][2]string{{"number", c.Before.Number}, {"friendly name", c.Before.FriendlyName}}
	for _, a := range c.Answering {
		rows = append(rows, [2]string{"answering", a.URL + ": smsession " + a.Version})
	}
	rows = append(rows, c.Before.rows("before")...)
	switch {
	case c.After == nil:
		return writeRows(out, rows)
	case !c.Changed && !c.DryRun || c.Before.Webhook == c.After.Webhook:
		rows = append(rows, [2]string{"after", "the same"})
	case c.DryRun:
		rows = append(rows, c.After.rows("would be")...)
	default:
		rows = append(rows, c.After.rows("after")...)
	}
	return writeRows(out, append(rows, c.After.overrides()...))
}

func (v *numberView) rows(when string) [][2]string {
	return [][2]string{
		{when, methodAndURL(v.Webhook.Method, v.Webhook.URL)},
		{"  fallback", methodAndURL(v.Webhook.FallbackMethod, v.Webhook.FallbackURL)},
	}
}

func methodAndURL(method, url string) string {
	if url == "" {
		return "none"
	}
	return method + " " + url
}

func nameOrNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// writeRows prints rows of a name and a value, with what comes from outside made printable.
func writeRows(out io.Writer, rows [][2]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], visible(row[1]))
	}
	return w.Flush()
}

// visible replaces what a terminal would obey instead of show.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func writeObject(out io.Writer, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // URLs have & in them
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n", terminal.EscapeJSON(b.Bytes()))
	return err
}
