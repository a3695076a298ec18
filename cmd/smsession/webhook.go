package main

import (
	"context"
	"os"
	"strings"

	"smsession/internal/config"
	"smsession/internal/dev"
	"smsession/internal/phone"
)

// webhookFlags say which webhook the phones text, and whose it is. Without --url it is that of a running `smsession dev`.
type webhookFlags struct {
	URL         string `name:"url" placeholder:"URL" help:"Where the webhook is (default: that of a running smsession dev)."`
	AuthToken   string `name:"auth-token" env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN" help:"Twilio auth token to sign with, or AC...:token; of several by commas the first for the account. A flag shows in the process list: prefer the environment. Goes with --url."`
	PublicURL   string `name:"public-url" placeholder:"URL" help:"The webhook's URL as Twilio has been told, with its path: what is signed (default: --url)."`
	FallbackURL string `name:"fallback-url" placeholder:"URL" help:"The webhook's fallback URL (default: none, as at Twilio). Goes with --url."`
	AccountSID  string `name:"account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID" help:"Twilio account, AC and 32 hex digits; of several by commas the first (default: that of the token, or made up)."`
}

// webhook is the other side of the phones.
type webhook struct {
	primary, fallback phone.Endpoint
	authToken         string
	accountSID        string       // "" for a made-up one
	dev               *dev.Service // nil if it is not a `smsession dev`
}

// webhook puts the flags together. A commandFault says what is wrong with them; any other error, that there is none.
func (f webhookFlags) webhook(ctx context.Context) (webhook, error) {
	if f.URL == "" {
		return f.ofDev(ctx)
	}
	token, account, err := f.signer()
	if err != nil {
		return webhook{}, err
	}
	for _, err := range []error{usable("--url", f.URL), usable("--public-url", f.PublicURL), usable("--fallback-url", f.FallbackURL)} {
		if err != nil {
			return webhook{}, err
		}
	}
	w := webhook{primary: phone.Endpoint{URL: f.URL}, authToken: token, accountSID: account}
	if f.PublicURL != "" {
		w.primary = phone.Endpoint{URL: f.PublicURL, Address: f.URL}
	}
	if f.FallbackURL != "" {
		w.fallback = w.primary.Sibling(f.FallbackURL)
	}
	return w, nil
}

// signer returns the token that messages are signed with and the account that they belong to, which may be "". It uses
// the first of several accounts and the first of its tokens. The other tokens matter only to the side that checks
// signatures during a rotation.
func (f webhookFlags) signer() (token, account string, err error) {
	if first, _, _ := strings.Cut(f.AuthToken, ","); strings.TrimSpace(first) == "" {
		return "", "", commandFault("--auth-token (or TWILIO_AUTH_TOKEN) is missing: with --url it is needed for the signature")
	}
	tokens, err := config.ParseAuthTokens(f.AuthToken)
	if err != nil {
		return "", "", commandFault("--auth-token (or TWILIO_AUTH_TOKEN): " + err.Error())
	}
	account, _, _ = strings.Cut(f.AccountSID, ",")
	if account = strings.TrimSpace(account); account == "" {
		return tokens[0].Value, tokens[0].Account, nil
	}
	if token = tokens.For(account); token == "" {
		return "", "", commandFault("--auth-token (or TWILIO_AUTH_TOKEN) has no token for the account of --account-sid (or TWILIO_ACCOUNT_SID)")
	}
	return token, account, nil
}

// usable is an error unless a flag is not given, or a URL that a phone can text.
func usable(flag, url string) error {
	if url == "" {
		return nil
	}
	_, err := phone.New(phone.Options{From: "-", To: "-", AuthToken: "-", Webhook: phone.Endpoint{URL: url}})
	if err != nil {
		return commandFault(flag + ": " + strings.TrimPrefix(err.Error(), "webhook: "))
	}
	return nil
}

// ofDev is the webhook of a running `smsession dev`, with its own token and account whatever the environment says.
func (f webhookFlags) ofDev(ctx context.Context) (webhook, error) {
	for _, flag := range []struct{ name, value, environment string }{
		{"--auth-token", f.AuthToken, os.Getenv("TWILIO_AUTH_TOKEN")},
		{"--public-url", f.PublicURL, ""},
		{"--fallback-url", f.FallbackURL, ""},
		{"--account-sid", f.AccountSID, os.Getenv("TWILIO_ACCOUNT_SID")},
	} {
		if flag.value != flag.environment {
			return webhook{}, commandFault(flag.name + " needs --url beside it: a running smsession dev says the rest by itself")
		}
	}
	d, err := dev.Find(ctx)
	if err != nil {
		return webhook{}, err
	}
	return webhook{
		primary:    phone.Endpoint{URL: d.PublicURL + "/sms", Address: d.URL + "/sms"},
		fallback:   phone.Endpoint{URL: d.PublicURL + "/sms/fallback", Address: d.URL + "/sms/fallback"},
		authToken:  d.AuthToken,
		accountSID: d.AccountSID,
		dev:        d,
	}, nil
}

// commandFault is what is wrong with a command line, one sentence without its full stop. It never holds a secret.
type commandFault string

func (f commandFault) Error() string { return string(f) }
