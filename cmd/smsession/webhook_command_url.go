package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"smsession/internal/config"
	"smsession/internal/twilio/rest"
)

// The service's routes, as Twilio is told them.
const (
	smsRoute      = "/sms"
	fallbackRoute = "/sms/fallback"
)

// target is what the command sets. Its bytes are kept as they were given, because Twilio signs them.
func (c *webhookSetCommand) target(cfg config.REST) (rest.Webhook, error) {
	primary, err := c.primary(cfg)
	if err != nil {
		return rest.Webhook{}, err
	}
	fallback, err := c.fallback(cfg, primary)
	if err != nil {
		return rest.Webhook{}, err
	}
	return rest.Webhook{URL: primary, Method: http.MethodPost, FallbackURL: fallback, FallbackMethod: http.MethodPost}, nil
}

// primary returns the webhook's URL to set: --url, else WEBHOOK_URL, else PUBLIC_URL with our route.
func (c *webhookSetCommand) primary(cfg config.REST) (string, error) {
	raw, flag := strings.TrimSpace(c.URL), "--url"
	if raw == "" {
		raw, flag = strings.TrimSpace(c.WebhookURL), "WEBHOOK_URL (--webhook-url)"
	}
	if public := strings.TrimSpace(c.PublicURL); raw == "" && public != "" {
		raw, flag = underURL(public, smsRoute), "PUBLIC_URL (--public-url)"
	}
	if raw == "" {
		return "", commandFault("--url is missing, or PUBLIC_URL or WEBHOOK_URL to take it from")
	}
	if err := c.settable(flag, raw); err != nil {
		return "", err
	}
	if !hasRoute(raw, smsRoute) && !isURL(raw, cfg.WebhookURL.String()) {
		return "", commandFault(flag + " does not end in " + smsRoute + ", which is the service's route, and is not WEBHOOK_URL")
	}
	return raw, nil
}

// fallback returns the fallback URL to set beside primary: FALLBACK_URL, else the configured fallback URL if primary is
// the configured webhook, else primary with /fallback. A URL that does not come from FALLBACK_URL gets primary's
// connection overrides.
func (c *webhookSetCommand) fallback(cfg config.REST, primary string) (string, error) {
	raw, public := strings.TrimSpace(c.FallbackURL), strings.TrimSpace(c.PublicURL)
	_, overrides := splitURL(primary)
	switch {
	case raw != "":
	case public != "" && strings.TrimSpace(c.WebhookURL) != "" && isURL(primary, cfg.WebhookURL.String()):
		address, _ := splitURL(underURL(public, fallbackRoute))
		raw = address + overrides
	case hasRoute(primary, smsRoute):
		raw = underURL(primary, strings.TrimPrefix(fallbackRoute, smsRoute))
	default:
		return "", commandFault("--fallback-url is missing: without PUBLIC_URL it has no default beside a webhook that does not end in " + smsRoute)
	}
	if err := c.settable("--fallback-url", raw); err != nil {
		return "", err
	}
	if !hasRoute(raw, fallbackRoute) && signedBase(raw) == signedBase(primary) {
		return "", commandFault("--fallback-url does not end in " + fallbackRoute + ", and is the webhook's own URL")
	}
	return raw, nil
}

// settable says what is wrong with a URL. It never quotes it: it may hold a password.
func (c *webhookSetCommand) settable(flag, raw string) error {
	blank := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	u, err := url.Parse(raw)
	switch {
	case strings.ContainsFunc(raw, blank):
		return commandFault(flag + " has spaces or control characters in it")
	case err != nil || u.Hostname() == "":
		return commandFault(flag + " is not a valid URL; one is https://sms.example.com" + smsRoute)
	case u.Scheme != "https" && u.Scheme != "http":
		return commandFault(flag + " does not begin with https://")
	case u.Scheme == "http" && !c.AllowHTTP:
		return commandFault(flag + " is not https: anyone on the way could read and copy messages; --allow-http takes it all the same")
	}
	return nil
}

// isURL reports whether a URL is the configured one. All bytes must be equal, except those of a login and a fragment.
func isURL(raw, configured string) bool {
	without, _ := cutLogin(raw)
	address, _, _ := strings.Cut(without, "#")
	return address == configured
}

// splitURL cuts a URL before its query or its fragment.
func splitURL(raw string) (address, rest string) {
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		return raw[:i], raw[i:]
	}
	return raw, ""
}

// underURL adds a path to a URL, before its query and its fragment.
func underURL(raw, path string) string {
	address, rest := splitURL(raw)
	return strings.TrimSuffix(address, "/") + path + rest
}

func hasRoute(raw, route string) bool {
	address, _ := splitURL(raw)
	return strings.HasSuffix(address, route)
}

// cutLogin cuts user and password out of a URL. Twilio does not sign them, and nobody is to see them.
func cutLogin(raw string) (without string, had bool) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return raw, false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	return scheme + "://" + rest[at+1:], at >= 0
}

// maskLogin is a URL to be shown.
func maskLogin(raw string) string {
	without, had := cutLogin(raw)
	if !had {
		return raw
	}
	return strings.Replace(without, "://", "://•••@", 1)
}

// healthURL is where the service that answers a webhook's URL says that it lives: beside the route, without query and
// fragment, or beside the last part of another path.
func healthURL(raw string) string {
	address, _ := splitURL(raw)
	for _, route := range []string{fallbackRoute, smsRoute} {
		if base, found := strings.CutSuffix(address, route); found {
			return base + "/healthz"
		}
	}
	scheme, rest, _ := strings.Cut(address, "://")
	if slash := strings.LastIndexByte(rest, '/'); slash >= 0 {
		rest = rest[:slash]
	}
	return scheme + "://" + rest + "/healthz"
}

// healthPatience is how long a healthy service is waited for: as long as Twilio waits for a connection.
const healthPatience = 5 * time.Second

// answering is a service that said that it lives.
type answering struct {
	URL     string `json:"url"`
	Version string `json:"version"`
}

// askHealth asks whether our service answers where both of a webhook's URLs point to. A nil transport is
// http.DefaultTransport.
func askHealth(ctx context.Context, transport http.RoundTripper, w rest.Webhook) ([]answering, error) {
	var all []answering
	for _, address := range slices.Compact([]string{healthURL(w.URL), healthURL(w.FallbackURL)}) {
		version, err := askVersion(ctx, transport, address)
		if err != nil {
			return nil, fmt.Errorf("%s %w", visible(maskLogin(address)), err)
		}
		all = append(all, answering{URL: maskLogin(address), Version: version})
	}
	return all, nil
}

// askVersion reads the version line of a service. The error continues a sentence that begins with the address.
func askVersion(ctx context.Context, transport http.RoundTripper, address string) (string, error) {
	asking, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(asking, http.MethodGet, address, nil)
	if err != nil {
		return "", errors.New("is not a valid URL")
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", unreachable(ctx, asking, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 256)) // the line has some 30 bytes
	if err != nil {
		return "", unreachable(ctx, asking, err)
	}
	version, ours := strings.CutPrefix(strings.TrimSpace(string(body)), "smsession ")
	switch {
	case answer.StatusCode/100 == 3:
		return "", fmt.Errorf("answers with a redirect (%d), on which Twilio would lose the message", answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return "", fmt.Errorf("answers with status %d, so smsession is not there", answer.StatusCode)
	case !ours || version != visible(version):
		return "", errors.New("answers, but it is not smsession")
	}
	return version, nil
}

// unreachable says why there was no answer. What net/http says has the URL in it, and so perhaps a password.
func unreachable(ctx, asking context.Context, err error) error {
	var broken *url.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("was not waited for: %w", ctx.Err())
	case asking.Err() != nil:
		return fmt.Errorf("does not answer within %v", healthPatience)
	case errors.As(err, &broken):
		err = broken.Err
	}
	return fmt.Errorf("cannot be reached: %w", err)
}
