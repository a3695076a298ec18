package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"smsession/internal/config"
	"smsession/internal/twilio/rest"
	"smsession/internal/weburl"
)

// Target returns the webhook to set. webhookURL and fallbackURL are what the operator has given for this. If they are
// empty, Target takes the URLs from the configuration. The URLs keep their bytes, because Twilio signs them. The error is
// about the command line. It does not quote a URL, which may contain a password.
func Target(cfg config.REST, webhookURL, fallbackURL string, allowHTTP bool) (rest.Webhook, error) {
	primary := weburl.Split(cmp.Or(strings.TrimSpace(webhookURL), cfg.WebhookURL.Configured()))
	fallback := weburl.Split(strings.TrimSpace(fallbackURL))
	if fallback == (weburl.URL{}) {
		fallback = defaultFallback(cfg, primary)
	}
	_, err := weburl.Parse(primary.Configured())
	switch {
	case primary == weburl.URL{}:
		err = errors.New("there is no URL to set: use --url, or set PUBLIC_URL or WEBHOOK_URL")
	case err != nil:
		err = fmt.Errorf("--url cannot be used: %w", err)
	case !hasRoute(primary, weburl.WebhookPath) && !isConfigured(cfg, primary):
		err = fmt.Errorf("the webhook's URL does not end in %s, which is the service's route, and is not WEBHOOK_URL", weburl.WebhookPath)
	case fallback == weburl.URL{}:
		err = fmt.Errorf("there is no fallback URL: set FALLBACK_URL (--fallback-url), because the webhook's URL does not end in %s", weburl.WebhookPath)
	case !hasRoute(fallback, weburl.FallbackPath) && sameSignature(fallback, primary):
		err = fmt.Errorf("the fallback URL does not end in %s, and is the webhook's own URL", weburl.FallbackPath)
	case !allowHTTP && !(primary.IsHTTPS() && fallback.IsHTTPS()):
		err = errors.New("a URL is not https, so others can read and copy messages on their way: use --allow-http to set it anyway")
	}
	return rest.Webhook{
		URL: primary.Configured(), Method: http.MethodPost,
		FallbackURL: fallback.Configured(), FallbackMethod: http.MethodPost,
	}, err
}

// defaultFallback returns the fallback URL to set with primary, or the zero URL. It is the configured one if primary is the
// configured webhook, else primary with /fallback. It has the query and the connection overrides of primary.
func defaultFallback(cfg config.REST, primary weburl.URL) weburl.URL {
	switch {
	case cfg.FallbackURL != weburl.URL{} && isConfigured(cfg, primary):
		fallback := cfg.FallbackURL
		fallback.Query, fallback.Fragment = primary.Query, primary.Fragment
		return fallback
	case hasRoute(primary, weburl.WebhookPath):
		return primary.Append(strings.TrimPrefix(weburl.FallbackPath, weburl.WebhookPath))
	}
	return weburl.URL{}
}

// isConfigured reports whether a URL is the configured webhook. A query makes it another URL.
func isConfigured(cfg config.REST, u weburl.URL) bool {
	return sameSignature(u, cfg.WebhookURL) && u.Query == ""
}

// CheckNumber returns an error if a number is not in E.164. See ITU-T E.164: no country code begins with 0.
func CheckNumber(number string) error {
	digits, plus := strings.CutPrefix(number, "+")
	if !plus || len(digits) < 2 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return errors.New("the number is not in E.164 (+ and 2 to 15 digits, such as +15005550006); Twilio has no webhook for short codes and WhatsApp numbers here")
	}
	return nil
}
