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
	return warnings
}
