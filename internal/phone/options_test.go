package phone_test

import (
	"math"
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestOptions(t *testing.T) {
	good := phone.Options{From: from, To: to, AuthToken: token, Webhook: phone.Endpoint{URL: publicURL}}
	if _, err := phone.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*phone.Options){
		"the sender is missing":                         func(o *phone.Options) { o.From = "" },
		"the number is missing":                         func(o *phone.Options) { o.To = "" },
		"the token is missing":                          func(o *phone.Options) { o.AuthToken = "" },
		"the webhook is missing":                        func(o *phone.Options) { o.Webhook = phone.Endpoint{} },
		"the sender is not an address":                  func(o *phone.Options) { o.From = "+1-202" },
		"the number is not an address":                  func(o *phone.Options) { o.To = "+1-202" },
		"the webhook has only an address":               func(o *phone.Options) { o.Webhook = phone.Endpoint{Address: "http://localhost/sms"} },
		"the fallback has only an address":              func(o *phone.Options) { o.Fallback = phone.Endpoint{Address: "http://localhost/sms"} },
		"the webhook has another scheme":                func(o *phone.Options) { o.Webhook.URL = "ftp://sms.example.com/sms" },
		"the address is not a URL":                      func(o *phone.Options) { o.Webhook.Address = "localhost:8080" },
		"the share of lost cookies is over 1":           func(o *phone.Options) { o.Jar.Lose = 1.01 },
		"the share of lost cookies is negative":         func(o *phone.Options) { o.Jar.Lose = -0.01 },
		"the share of lost cookies is not a number":     func(o *phone.Options) { o.Jar.Lose = math.NaN() },
		"the password of the webhook is malformed":      func(o *phone.Options) { o.Webhook.URL = "https://user:hunter2%zz@sms.example.com/sms" },
		"the password of the address is malformed":      func(o *phone.Options) { o.Webhook.Address = "https://user:hunter2%zz@sms.example.com/sms" },
		"an override of a URL with a password is wrong": func(o *phone.Options) { o.Webhook.URL = "https://user:hunter2@sms.example.com/sms#rc=hunter2" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			_, err := phone.New(o)
			if err == nil {
				t.Fatal("New returns no error")
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), token) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

func TestConnectionOverrides(t *testing.T) {
	for _, row := range []struct {
		name, fragment string
		valid          bool
	}{
		{"a URL may have no overrides", "", true},
		{"a URL may have all overrides", "#rc=2&rp=4xx,5xx,ct,rt&ct=100&rt=100&tt=100&sni=n&e=ashburn,dublin", true},
		{"the largest values are valid", "#rc=5&rp=all&ct=10000&rt=15000&tt=15000&sni=y&e=umatilla", true},
		{"there may be no retries", "#rc=0", true},
		{"six retries are too many", "#rc=6", false},
		{"retries are not negative", "#rc=-1", false},
		{"retries are a number", "#rc=two", false},
		{"a connect time-out is at least 100 ms", "#ct=99", false},
		{"a connect time-out is at most 10,000 ms", "#ct=10001", false},
		{"a read time-out is at least 100 ms", "#rt=99", false},
		{"a read time-out is at most 15,000 ms", "#rt=15001", false},
		{"a total time-out is at least 100 ms", "#tt=99", false},
		{"a total time-out is at most 15,000 ms", "#tt=15001", false},
		{"a time-out has no unit", "#ct=1s", false},
		{"an unknown retry policy is an error", "#rp=3xx", false},
		{"an empty retry policy is an error", "#rp=", false},
		{"a list with a gap is an error", "#rp=ct,,rt", false},
		{"sni is y or n", "#sni=no", false},
		{"an empty edge is an error", "#e=", false},
		{"an unknown override is an error", "#xx=1", false},
		{"another fragment is an error", "#top", false},
		{"a name in capitals is unknown", "#RC=1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			webhook, fallback := phone.Endpoint{URL: publicURL}, phone.Endpoint{URL: publicURL + row.fragment}
			for _, o := range []phone.Options{
				{From: from, To: to, AuthToken: token, Webhook: fallback},
				{From: from, To: to, AuthToken: token, Webhook: webhook, Fallback: fallback},
			} {
				if _, err := phone.New(o); (err == nil) != row.valid {
					t.Errorf("New returns %v", err)
				}
			}
		})
	}
}
