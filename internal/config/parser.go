package config

import (
	"cmp"
	"errors"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"

	"smsession/internal/config/redisurl"
	"smsession/internal/hostname"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// Config returns the settings of the service. The error is a Faults. PUBLIC_URL (or the two URLs below it), the auth
// token and REDIS_URL are required. Every other setting that is missing or empty has its default, but an empty
// ADMIN_ADDR turns the private listener off.
func (f Flags) Config() (Config, error) {
	p := parse(f, Defaults())
	if !p.isSet("WEBHOOK_URL") || !p.isSet("FALLBACK_URL") {
		p.require("PUBLIC_URL")
	}
	p.require("TWILIO_AUTH_TOKEN", "REDIS_URL")
	p.checkApp()
	return p.result()
}

// Config returns the settings of dev. No setting is required. Redis and AuthTokens are zero, and the URLs are zero if
// PUBLIC_URL is not set. The caller must set these fields. If the app is at the default port of dev, Addr
// has port 0. An ADDR without a port gets that of PORT, or the default port. The error is a Faults.
func (f DevFlags) Config() (Config, error) {
	f.Addr = withPort(f.Addr, cmp.Or(strings.TrimSpace(f.Port), "8080"))
	p := parse(f, DevDefaults())
	if !p.isSet("ADDR") && !p.isSet("PORT") && ownAddress(p.config) == "ADDR" {
		p.config.Addr = net.JoinHostPort(hostname.Of(p.config.Addr), "0") // the default port is that of the app
	}
	p.checkApp()
	return p.result()
}

// Config returns the settings of an operator's command: Redis, RedisPrefix, and the defaults of the service. REDIS_URL
// is required. The error is a Faults.
func (f OperatorFlags) Config() (Config, error) {
	p := parse(f, Defaults())
	p.require("REDIS_URL")
	return p.result()
}

// Reread parses REDIS_URL again, and reads its file and the certificates that it names. It returns the URL with the new
// users, passwords and certificates. The error is a Faults. Another server, another database or another kind of
// connection is a fault: replicas that read their files at different times would keep the same conversation in two
// places.
func (f RedisFlags) Reread(present redisurl.URL) (redisurl.URL, error) {
	p := parse(f, Config{})
	p.require("REDIS_URL")
	if len(p.faults) == 0 && !p.config.Redis.SameServers(present) {
		p.fault("REDIS_URL_FILE",
			"the URL names another server or database than at the start, or turns TLS on or off: restart the service to use it")
	}
	c, err := p.result()
	return c.Redis, err
}

// RereadTokens parses TWILIO_AUTH_TOKEN again, and reads its file. The error is a Faults. An account without a token is
// a fault.
func (f Flags) RereadTokens() (twilio.Tokens, error) {
	p := parse(struct {
		TwilioFlags
		WebhookFlags
	}{f.TwilioFlags, f.WebhookFlags}, Config{})
	p.require("TWILIO_AUTH_TOKEN")
	c, err := p.result()
	return c.AuthTokens, err
}

// RereadAppSecrets parses APP_SECRET again, and reads its file. The error is a Faults. It returns nil if APP_SECRET is
// not set.
func (f AppFlags) RereadAppSecrets() (AppSecrets, error) {
	c, err := parse(f, Config{}).result()
	return c.App.Secrets, err
}

// parser parses flags. It goes on after a fault, so that all faults are reported at once.
type parser struct {
	set    map[string]string // the texts of the settings that are set, by their names
	config Config
	faults Faults
}

// parse parses a flag struct. A setting that is set replaces its default. The settings in more have their own targets.
func parse(flags any, defaults Config, more ...setting) *parser {
	p := &parser{set: texts(reflect.ValueOf(flags)), config: defaults}
	if p.isSet("ADDR") {
		delete(p.set, "PORT") // a platform sets PORT for every program, but an operator sets ADDR for the service
	}
	for _, s := range append(p.config.settings(), more...) {
		p.parse(s)
	}
	c := &p.config
	if !p.isSet("PPROF") {
		c.Pprof = hostname.IsLoopback(hostname.Of(c.AdminAddr))
	}
	if c.PublicURL != (weburl.URL{}) {
		*c = c.WithPublicURL(c.PublicURL)
	}
	hasNoToken := func(sid string) bool { return c.AuthTokens.For(sid) == "" }
	if len(c.AuthTokens) > 0 && slices.ContainsFunc(c.AccountSIDs, hasNoToken) {
		p.fault("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN has no token for one of the accounts: add one there as AC…:token")
	}
	return p
}

// texts returns the texts of the fields that are set, by the names in their env tags, without the white space around
// them.
func texts(flags reflect.Value) map[string]string {
	set := map[string]string{}
	for field, value := range flags.Fields() {
		switch v := value.Interface().(type) {
		case string:
			if text := strings.TrimSpace(v); text != "" {
				set[field.Tag.Get("env")] = text
			}
		case *string: // an empty value counts as set
			if v != nil {
				set[field.Tag.Get("env")] = strings.TrimSpace(*v)
			}
		default:
			maps.Copy(set, texts(value))
		}
	}
	return set
}

// parse parses one setting, if it is set, from its text or from the file that its *_FILE setting names.
func (p *parser) parse(s setting) {
	text, hasText := p.set[s.name]
	path, hasFile := p.set[s.name+"_FILE"]
	switch {
	case hasText && hasFile:
		p.fault(s.name, s.name+"_FILE is set, too: set only one of them")
	case hasText:
		p.faults.add(s.name, s.parse(text))
	case hasFile:
		text, err := readSecret(path, s.name != "REDIS_URL")
		if err == nil {
			err = s.parse(text)
		}
		p.faults.add(s.name+"_FILE", err)
	}
}

// isSet reports whether a setting is set, directly or by its *_FILE setting.
func (p *parser) isSet(name string) bool { return p.set[name] != "" || p.set[name+"_FILE"] != "" }

// require adds a fault for each of the settings that is not set.
func (p *parser) require(names ...string) {
	hints := map[string]string{
		"PUBLIC_URL": "the URL that Twilio is configured with, without /sms, such as https://sms.example.com; " +
			"or set both WEBHOOK_URL and FALLBACK_URL",
		"TWILIO_AUTH_TOKEN":  "the auth token of the Twilio account; or set TWILIO_AUTH_TOKEN_FILE",
		"TWILIO_ACCOUNT_SID": "the account that has the number: AC and 32 hexadecimal digits",
		"REDIS_URL":          "a URL such as redis://localhost:6379; or set REDIS_URL_FILE",
		"APP_URL":            "the webhook of the app, such as http://localhost:3000/sms",
		"APP_SECRET": "a Standard Webhooks secret, because APP_PROTOCOL is json: whsec_ and the base64 of 24 to 64 " +
			"random bytes; or set APP_SECRET_FILE",
	}
	for _, name := range names {
		if !p.isSet(name) {
			p.fault(name, "the setting is missing: set it to "+hints[name])
		}
	}
}

func (p *parser) fault(name, problem string) { p.faults.add(name, errors.New(problem)) }

// result returns the settings if there are no faults, and otherwise the faults.
func (p *parser) result() (Config, error) {
	if len(p.faults) > 0 {
		return Config{}, p.faults
	}
	return p.config, nil
}
