package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"smsession/internal/config"
	"smsession/internal/twilio/rest"
)

// Target returns the webhook to set. webhookURL and fallbackURL are what the operator has given for this. If they are
// empty, Target takes the URLs from the configuration. The URLs keep their bytes, because Twilio signs them. The error is
// about the command line. It does not quote a URL, which may contain a password.
func Target(cfg config.REST, webhookURL, fallbackURL string, allowHTTP bool) (rest.Webhook, error) {
	primary := cmp.Or(strings.TrimSpace(webhookURL), cfg.WebhookURL.Configured())
	fallback := cmp.Or(strings.TrimSpace(fallbackURL), defaultFallback(cfg, primary))
	isHTTPS := func(raw string) bool { return strings.EqualFold(split(raw).scheme, "https://") }
	u, err := url.Parse(primary)
	switch {
	case primary == "":
		err = errors.New("there is no URL to set: use --url, or set PUBLIC_URL or WEBHOOK_URL")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsFunc(primary, unicode.IsSpace):
		err = errors.New("--url is not a URL such as https://sms.example.com" + Route)
	case !hasRoute(primary, Route) && !isConfigured(cfg, primary):
		err = fmt.Errorf("the webhook's URL does not end in %s, which is the service's route, and is not WEBHOOK_URL", Route)
	case fallback == "":
		err = fmt.Errorf("there is no fallback URL: set FALLBACK_URL (--fallback-url), because the webhook's URL does not end in %s", Route)
	case !hasRoute(fallback, FallbackRoute) && sameSignature(fallback, primary):
		err = fmt.Errorf("the fallback URL does not end in %s, and is the webhook's own URL", FallbackRoute)
	case !allowHTTP && !(isHTTPS(primary) && isHTTPS(fallback)):
		err = errors.New("a URL is not https, so others can read and copy messages on their way: use --allow-http to set it anyway")
	}
	return rest.Webhook{URL: primary, Method: http.MethodPost, FallbackURL: fallback, FallbackMethod: http.MethodPost}, err
}

// defaultFallback returns the fallback URL to set with primary, or "". It is the configured one if primary is the
// configured webhook, else primary with /fallback. It has the query and the connection overrides of primary.
func defaultFallback(cfg config.REST, primary string) string {
	p := split(primary)
	switch {
	case cfg.FallbackURL != config.URL{} && isConfigured(cfg, primary):
		overrides := p.rest
		p = split(cfg.FallbackURL.Configured())
		p.rest = overrides
	case hasRoute(primary, Route):
		p.path += strings.TrimPrefix(FallbackRoute, Route)
	default:
		return ""
	}
	return p.String()
}

// isConfigured reports whether a URL is the configured webhook. A query makes it another URL.
func isConfigured(cfg config.REST, raw string) bool {
	return sameSignature(raw, cfg.WebhookURL.String()) && !strings.HasPrefix(split(raw).rest, "?")
}

// CheckNumber returns an error if a number is not in E.164. See ITU-T E.164: no country code begins with 0.
func CheckNumber(number string) error {
	digits, plus := strings.CutPrefix(number, "+")
	if !plus || len(digits) < 2 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return errors.New("the number is not in E.164 (+ and 2 to 15 digits, such as +15005550006); Twilio has no webhook for short codes and WhatsApp numbers here")
	}
	return nil
}
