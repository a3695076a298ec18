package config

import "strings"

// CheckFlags are the settings of a check of an app. Each has the environment variable of the service's setting, and a
// shorter flag. The service's flag is accepted, too. A check has its own Redis, its own listeners and its own public
// URL.
type CheckFlags struct {
	URL        string `arg:"" optional:"" name:"url" env:"APP_URL" help:"Webhook of the app, such as http://localhost:3000/sms."`
	Protocol   string `name:"protocol" aliases:"app-protocol" env:"APP_PROTOCOL" placeholder:"PROTOCOL" help:"How the app is called: twilio (an existing Twilio webhook, unchanged) or json (default twilio)."`
	PublicURL  string `name:"public-url" aliases:"app-public-url" env:"APP_PUBLIC_URL" placeholder:"URL" help:"URL at which the app believes it is called, for signatures and Host (default: the app's URL)."`
	Timeout    string `name:"timeout" aliases:"app-timeout" env:"APP_TIMEOUT" placeholder:"DURATION" help:"How long the app may take to answer one message (default 8s)."`
	Secret     string `name:"secret" aliases:"app-secret" env:"APP_SECRET" placeholder:"SECRET,..." help:"Standard Webhooks secret (whsec_...) that signs the calls of the json protocol. A flag is visible in the process list: prefer the environment or a file."`
	SecretFile string `name:"secret-file" aliases:"app-secret-file" env:"APP_SECRET_FILE" placeholder:"PATH" help:"File that contains the secret."`
	AuthToken  string `name:"auth-token" aliases:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN" help:"Twilio auth token with which the app checks signatures; the first of several is used (default: a random one, for an app that checks none). A flag is visible in the process list: prefer the environment."`
	AccountSID string `name:"account-sid" aliases:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID" help:"Twilio account SID of the messages; the first of several is used (default: that of the token, or a random one)."`
}

// Config returns the settings of the app, the auth tokens if there are any, and the defaults of the service. The URL is
// required. The error is a Faults.
func (f CheckFlags) Config() (Config, error) {
	defaults := Defaults()
	defaults.Addr, defaults.AdminAddr = "", "" // an app at one of these ports is not this program
	p := parse(f, defaults)
	p.require("APP_URL")
	p.checkApp()
	app := &p.config.App
	app.Timeout = min(app.Timeout, p.config.RequestBudget-CommitTime) // the service cuts it, too
	c, err := p.result()
	if faults, ok := err.(Faults); ok {
		flags := strings.NewReplacer("(--app-url)", "(the argument URL)", "(--app-", "(--", "(--twilio-", "(--")
		for i, fault := range faults {
			faults[i] = flags.Replace(fault)
		}
	}
	return c, err
}
