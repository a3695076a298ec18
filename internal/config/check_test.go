package config_test

import (
	"strings"
	"testing"
	"time"

	"smsession/internal/config"
)

func TestCheckFlags(t *testing.T) {
	t.Run("the port of serve may be the app's", func(t *testing.T) {
		c, err := config.CheckFlags{URL: "http://127.0.0.1:8080/sms"}.Config()
		if err != nil || c.App.URL.Host != "127.0.0.1:8080" || c.App.PublicURL != c.App.URL ||
			c.App.Timeout != 8*time.Second {
			t.Errorf("%v, %+v", err, c.App)
		}
	})
	t.Run("a time-out is cut as in the service", func(t *testing.T) {
		c, err := config.CheckFlags{URL: "http://127.0.0.1/sms", Timeout: "11s"}.Config()
		if err != nil || c.App.Timeout != c.RequestBudget-config.CommitTime {
			t.Errorf("%v, %v", err, c.App.Timeout)
		}
	})
	t.Run("faults name the flags of the check", func(t *testing.T) {
		_, err := config.CheckFlags{Protocol: "soap", AuthToken: ",", AccountSID: "me"}.Config()
		for _, want := range []string{"APP_URL (the argument URL): ", "APP_PROTOCOL (--protocol): ",
			"TWILIO_AUTH_TOKEN (--auth-token): ", "TWILIO_ACCOUNT_SID (--account-sid): "} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
	})
}
