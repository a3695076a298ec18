package main

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/twiliotest"
)

func TestWhatTwilioSaysDoesNothingToATerminal(t *testing.T) {
	fail := func(host string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Host == host && twiliotest.Reject(400, 21000, "\x1b[2Jgone")(w, r)
		}
	}
	for _, host := range []string{"api.twilio.com", "messaging.twilio.com"} { // an error, and a doubt
		for _, command := range []string{"show", "set"} {
			t.Run(command+", "+host, func(t *testing.T) {
				o := anOperator(t)
				o.outside.Intercept = fail(host)
				_, stdout, stderr := o.types(t, command, twiliotest.ExampleNumber)
				if said := stdout + stderr; strings.Contains(said, "\x1b") || !strings.Contains(said, "[2Jgone") {
					t.Errorf("it says %q", said)
				}
			})
		}
	}
}
