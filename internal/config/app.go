package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"smsession/internal/weburl"
)

// CommitTime is the end of REQUEST_BUDGET that is kept for the commit. No call of the app lasts into it.
const CommitTime = time.Second

// App is how the team's own app is called. It may be printed and logged; see Config.
type App struct {
	URL           weburl.URL // the app's webhook; zero if there is no app. Its query and its login may be secrets
	Protocol      AppProtocol
	PublicURL     weburl.URL    // where the app believes that it is called; its query may be a secret
	Timeout       time.Duration // of all calls for one message together
	Concurrency   int           // how many calls may be in progress at once
	ImportCookies bool          // Twilio's cookies are given to the app with the first message of a conversation
	Secrets       AppSecrets    // sign the calls of the JSON protocol
}

// IsSet reports whether an app answers the messages.
func (a App) IsSet() bool { return a.URL != (weburl.URL{}) }

// String returns the URL of the app without its secrets. It is "" if there is no app.
func (a App) String() string { return a.URL.Concealed() }

// LogValue returns the result of String, so that a logged App shows no secret.
func (a App) LogValue() slog.Value { return slog.StringValue(a.String()) }

// AppProtocol is how an app is called: as Twilio calls a webhook, or with JSON.
type AppProtocol string

// The protocols of an app.
const (
	AppTwilio AppProtocol = "twilio"
	AppJSON   AppProtocol = "json"
)

// AppSecrets are the keys that sign calls, as in Standard Webhooks.
type AppSecrets [][]byte

// String returns one mask for each secret. The number of masks shows whether a rotation is in progress.
func (s AppSecrets) String() string {
	return strings.Join(slices.Repeat([]string{"•••"}, len(s)), ",")
}

// parseAppSecrets parses secrets that are separated by commas. The error joins the problems of all secrets, and quotes
// none of them.
func parseAppSecrets(text string) (secrets AppSecrets, err error) {
	entries := strings.Split(text, ",")
	for i, entry := range entries {
		key, problem := parseAppSecret(strings.TrimSpace(entry))
		if problem != nil {
			err = errors.Join(err, fmt.Errorf("secret %d of %d %w", i+1, len(entries), problem))
		}
		secrets = append(secrets, key)
	}
	return secrets, err
}

// parseAppSecret parses one secret. The prefix, the base64 with its padding and the sizes are those of Standard
// Webhooks, so that every library can read the secret.
//
// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme.
func parseAppSecret(entry string) ([]byte, error) {
	text, hasPrefix := strings.CutPrefix(entry, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case entry == "":
		return nil, errors.New("is empty; secrets are separated by one comma each")
	case !hasPrefix:
		return nil, errors.New("does not begin with whsec_")
	case err != nil: // it may quote the secret
		return nil, errors.New("is not base64 with its padding after whsec_")
	case len(key) < 24 || len(key) > 64:
		return nil, fmt.Errorf("has %d bytes after whsec_, not 24 to 64", len(key))
	}
	return key, nil
}

// checkApp completes the settings of the app, and checks them together with the other settings.
func (p *parser) checkApp() {
	c := &p.config
	if !c.App.IsSet() {
		return
	}
	if c.App.PublicURL == (weburl.URL{}) {
		c.App.PublicURL = c.App.URL
	}
	if c.App.Protocol == AppJSON {
		p.require("APP_SECRET")
	}
	if own := ownAddress(*c); own != "" {
		problem := "the URL leads to this service itself (" + own + "): set it to the webhook of your own app"
		if strings.HasSuffix(own, "ADDR") {
			problem += ", or choose another port for " + own
		}
		p.fault("APP_URL", problem)
	}
	if least := CommitTime + c.App.Timeout/4; c.RequestBudget <= least {
		p.fault("REQUEST_BUDGET", fmt.Sprintf("no call of the app could begin: set it to more than %s, "+
			"which is 1s and a quarter of APP_TIMEOUT, or lower APP_TIMEOUT", format(least)))
	}
}
