package config

import (
	"fmt"
	"strings"

	"smsession/internal/weburl"
)

// tokenLength is the length of Twilio's auth tokens.
const tokenLength = 32

// Warnings returns a warning for each setting that is allowed but probably wrong. A warning is a sentence without its
// full stop. No warning contains a secret.
func (c Config) Warnings() []string {
	var warnings []string
	public, webhook := c.PublicURL.String(), c.PublicURL.Append(weburl.WebhookPath).String()
	used := c.WebhookURL.String() == webhook || c.FallbackURL.String() == public+weburl.FallbackPath
	if used && strings.HasSuffix(public, weburl.WebhookPath) {
		warnings = append(warnings,
			fmt.Sprintf("PUBLIC_URL ends in %s: the service accepts only requests that Twilio sends to %s",
				weburl.WebhookPath, webhook))
	}
	for i, token := range c.AuthTokens {
		if len(token.Value) < tokenLength {
			warnings = append(warnings,
				fmt.Sprintf("TWILIO_AUTH_TOKEN: token %d of %d is shorter than the %d characters of Twilio's tokens",
					i+1, len(c.AuthTokens), tokenLength))
		}
	}
	return append(warnings, c.appWarnings()...)
}

// appWarnings returns the warnings about the settings of the app.
func (c Config) appWarnings() (warnings []string) {
	defaults := Defaults()
	usual := defaults.settings()
	for i, s := range c.settings() {
		if strings.HasPrefix(s.name, "APP_") && !c.App.IsSet() && s.show() != usual[i].show() {
			warnings = append(warnings, s.name+" has no effect, because APP_URL is not set")
		}
	}
	if !c.App.IsSet() {
		return warnings
	}
	if longest := c.RequestBudget - CommitTime; c.App.Timeout > longest {
		warnings = append(warnings, fmt.Sprintf(
			"APP_TIMEOUT is %s, but the app gets at most %s: REQUEST_BUDGET less 1s", format(c.App.Timeout), format(longest)))
	}
	if len(c.App.Secrets) > 0 && c.App.Protocol != AppJSON {
		warnings = append(warnings, "APP_SECRET has no effect, because APP_PROTOCOL is not json")
	}
	if c.App.ImportCookies && c.App.Protocol == AppJSON {
		warnings = append(warnings, "APP_IMPORT_COOKIES has no effect, because APP_PROTOCOL is json")
	}
	return warnings
}
