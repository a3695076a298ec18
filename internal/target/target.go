// Package target finds the webhook that `smsession phone` and `smsession load` send messages to, and its account. Both
// come from the flags or from a running `smsession dev`.
package target

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"smsession/internal/devservice"
	"smsession/internal/hostname"
	"smsession/internal/phone"
	"smsession/internal/twilio"
	"smsession/internal/usage"
	"smsession/internal/weburl"
)

// Flags name the webhook and its account. kong fills them in.
type Flags struct {
	URL         string `name:"url" placeholder:"URL" help:"The webhook to send messages to (default: the webhook of a running smsession dev)."`
	AuthToken   string `name:"auth-token" env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN" help:"Twilio auth token to sign with, or AC...:token (default: a made-up one). If there are several, separated by commas, the first one for the account is used. A flag is visible in the process list: prefer the environment. Needs --url."`
	PublicURL   string `name:"public-url" placeholder:"URL" help:"The webhook's URL with its path, as Twilio is configured with it. The signature covers this URL (default: --url)."`
	FallbackURL string `name:"fallback-url" placeholder:"URL" help:"The webhook's fallback URL (default: none, as at Twilio). Needs --url."`

	PublicFallbackURL string `name:"public-fallback-url" placeholder:"URL" help:"The fallback URL as Twilio is configured with it. The signature covers this URL (default: --fallback-url, moved to the server of --public-url if it is on the host of --url). Needs --fallback-url."`

	NoSignature bool     `name:"no-signature" help:"Send no X-Twilio-Signature."`
	Params      []string `name:"param" sep:"none" placeholder:"NAME=VALUE" help:"A parameter of every message. It replaces Twilio's parameter of this name, or is added. It may be repeated."`

	AccountSID string `name:"account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID" help:"Twilio account SID (AC and 32 hexadecimal digits). If there are several, the first is used (default: the account of the token, or a random one)."`
}

// Find returns the options of a phone that sends messages to the webhook. The caller must add the two numbers. The
// service is nil if URL is set, and otherwise the running `smsession dev`. If a flag is wrong or missing, the error is
// a usage.Fault. Without URL, it may also be an error of devservice.Find. If there is no auth token, Find makes one up
// and writes a line about it to stderr.
func (f Flags) Find(ctx context.Context, stderr io.Writer) (phone.Options, *devservice.Service, error) {
	find := f.findURL
	if f.URL == "" {
		find = f.findDev
	}
	o, service, err := find(ctx)
	if err != nil {
		return o, nil, err
	}
	if o.Params, err = f.params(); err != nil {
		return o, nil, err
	}
	if o.NoSignature = f.NoSignature; o.TokenMadeUp {
		_, _ = fmt.Fprintln(stderr, madeUpToken)
	}
	return o, service, nil
}

// madeUpToken is the line about a token that nobody gave. The finding about a 403 says what to do.
const madeUpToken = "smsession: no auth token is given: the signatures are made with a made-up one"

// params returns the parameters of a person.
func (f Flags) params() (all []phone.Param, err error) {
	for _, text := range f.Params {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" || !utf8.ValidString(text) {
			return nil, usage.Fault("--param must be NAME=VALUE, such as --param FromCity=CHICAGO")
		}
		all = append(all, phone.Param{Name: name, Value: value})
	}
	return all, nil
}

// findURL returns the webhook of the flags.
func (f Flags) findURL(context.Context) (phone.Options, *devservice.Service, error) {
	o := phone.Options{Webhook: phone.Endpoint{URL: f.URL}}
	for _, flag := range []struct{ name, url string }{
		{"--url", f.URL}, {"--public-url", f.PublicURL}, {"--fallback-url", f.FallbackURL},
		{"--public-fallback-url", f.PublicFallbackURL},
	} {
		if flag.url == "" {
			continue
		}
		if err := (phone.Endpoint{URL: flag.url}).Check(); err != nil {
			return o, nil, usage.Fault(flag.name + ": " + err.Error())
		}
	}
	if f.PublicURL != "" {
		o.Webhook = phone.Endpoint{URL: f.PublicURL, Address: f.URL}
	}
	switch {
	case f.FallbackURL != "":
		o.Fallback = f.fallback(o.Webhook)
	case f.PublicFallbackURL != "":
		return o, nil, usage.Fault("--public-fallback-url needs --fallback-url")
	}
	token, err := f.token()
	o.AuthToken, o.AccountSID = token.Value, cmp.Or(token.Account, "AC"+phone.RandomHex())
	if token.Value == "" && err == nil && !f.NoSignature {
		o.AuthToken, o.TokenMadeUp = phone.RandomHex(), true
	}
	return o, nil, err
}

// Describe names the webhook of Find for a person. It shows no user, no password and no query, because they may be
// secrets.
func Describe(o phone.Options, service *devservice.Service) string {
	name := weburl.Split(cmp.Or(o.Webhook.Address, o.Webhook.URL)).Concealed()
	if service != nil {
		name += " (the running smsession dev)"
	}
	return name
}

// fallback returns the endpoint of the fallback. Another port of the webhook's host is probably another replica behind
// the same balancer, so its URL at Twilio is on the server of PublicURL, too.
func (f Flags) fallback(webhook phone.Endpoint) phone.Endpoint {
	if f.PublicFallbackURL != "" {
		return phone.Endpoint{URL: f.PublicFallbackURL, Address: f.FallbackURL}
	}
	fallback, here, there := webhook.Sibling(f.FallbackURL), weburl.Split(f.URL), weburl.Split(f.FallbackURL)
	if fallback.Address == "" && hostname.Of(here.Host) == hostname.Of(there.Host) {
		there.Scheme, there.Host = here.Scheme, here.Host
		if moved := webhook.Sibling(there.Configured()); moved.Address != "" {
			return phone.Endpoint{URL: moved.URL, Address: f.FallbackURL}
		}
	}
	return fallback
}

// token returns the token to sign messages with, and their account. Both may be "". During a rotation, a service
// accepts several tokens, so any one of them can sign.
func (f Flags) token() (twilio.Token, error) {
	const name = "--auth-token (or TWILIO_AUTH_TOKEN)"
	account, _, _ := strings.Cut(f.AccountSID, ",")
	token := twilio.Token{Account: strings.TrimSpace(account)}
	if strings.TrimSpace(f.AuthToken) == "" {
		return token, nil
	}
	tokens, err := twilio.ParseTokens(f.AuthToken)
	if err != nil {
		return token, usage.Fault(name + ": " + err.Error())
	}
	token.Account = cmp.Or(token.Account, tokens[0].Account)
	if token.Value = tokens.For(token.Account); token.Value == "" {
		return token, usage.Fault(name + " has no token for the account of --account-sid (or TWILIO_ACCOUNT_SID)")
	}
	return token, nil
}

// findDev returns the webhook of a running `smsession dev`. It ignores the token and the account of the environment.
func (f Flags) findDev(ctx context.Context) (phone.Options, *devservice.Service, error) {
	for _, flag := range []struct{ name, value, environment string }{
		{"--auth-token", f.AuthToken, os.Getenv("TWILIO_AUTH_TOKEN")},
		{"--public-url", f.PublicURL, ""},
		{"--fallback-url", f.FallbackURL, ""},
		{"--public-fallback-url", f.PublicFallbackURL, ""},
		{"--account-sid", f.AccountSID, os.Getenv("TWILIO_ACCOUNT_SID")},
	} {
		if flag.value != flag.environment {
			text := flag.name + " needs --url: without --url, the running smsession dev sets it"
			return phone.Options{}, nil, usage.Fault(text)
		}
	}
	service, err := devservice.Find(ctx)
	if err != nil {
		return phone.Options{}, nil, err
	}
	return service.Phone("", ""), service, nil
}
