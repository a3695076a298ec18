package webhook

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"smsession/internal/config"
	"smsession/internal/twilio/rest"
	"smsession/internal/weburl"
)

// Target returns the webhook to set. webhookURL and fallbackURL are the flags of the operator. If they are empty,
// Target takes the URLs from the configuration. The URLs are kept byte for byte, because Twilio signs them. Every
// error is a fault of the command line or of the configuration. It does not quote a URL, which may contain a password.
func Target(cfg config.REST, webhookURL, fallbackURL string, allowHTTP bool) (rest.Webhook, error) {
	primary, err := cfg.WebhookURL, error(nil)
	if text := strings.TrimSpace(webhookURL); text != "" {
		primary, err = weburl.Parse(text)
	}
	fallback := cfg.FallbackURL
	if strings.TrimSpace(fallbackURL) == "" {
		fallback = defaultFallback(cfg, primary)
	}
	unset, problem := weburl.URL{}, ""
	switch {
	case err != nil:
		problem = "--url cannot be used: " + err.Error()
	case primary == unset:
		problem = "there is no URL to set: use --url, or set PUBLIC_URL or WEBHOOK_URL"
	case !hasRoute(primary, weburl.WebhookPath) && !isConfigured(cfg, primary):
		problem = "the webhook's URL does not end in " + weburl.WebhookPath +
			", the service's route, and is not WEBHOOK_URL"
	case fallback == unset:
		problem = "there is no fallback URL: set FALLBACK_URL (--fallback-url), or use a URL that ends in " +
			weburl.WebhookPath
	case !hasRoute(fallback, weburl.FallbackPath) && sameSignature(fallback, primary):
		problem = "the fallback URL does not end in " + weburl.FallbackPath + ", and is the webhook's own URL"
	case !allowHTTP && !(primary.IsHTTPS() && fallback.IsHTTPS()):
		problem = "a URL is not https, so others can read and copy messages on their way: " +
			"use --allow-http to set it anyway"
	default:
		return rest.Webhook{
			URL: primary, Method: http.MethodPost, FallbackURL: fallback, FallbackMethod: http.MethodPost,
		}, nil
	}
	return rest.Webhook{}, errors.New(problem)
}

// defaultFallback returns the fallback URL to set with primary, or the zero URL. If primary is the configured webhook,
// it is the configured fallback URL. Otherwise, it is primary with /fallback. It has the query and the connection
// overrides of primary.
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

// hasRoute reports whether the path of a URL ends in a route of the service.
func hasRoute(u weburl.URL, route string) bool { return strings.HasSuffix(u.Path, route) }

// sameSignature reports whether a signature of one URL is also valid for the other. It ignores the user, the password,
// the query, the fragment and the default port. Every other byte must be equal.
func sameSignature(a, b weburl.URL) bool { return slices.Contains(a.Spellings(), b.Spellings()[0]) }

// CheckNumber returns an error if a number is not in E.164. See ITU-T E.164: no country code begins with 0.
func CheckNumber(number string) error {
	digits, plus := strings.CutPrefix(number, "+")
	if !plus || len(digits) < 2 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return errors.New("the number is not in E.164 (+ and 2 to 15 digits, such as +15005550006): " +
			"set the webhook of a short code or a WhatsApp number in Twilio's console")
	}
	return nil
}
