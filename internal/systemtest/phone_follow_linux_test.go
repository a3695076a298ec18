package systemtest

import (
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// TestPhoneAsks has a webhook that leads to another server.
func TestPhoneAsks(t *testing.T) {
	t.Parallel()
	settings := []string{"TERM=xterm", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken, "NO_COLOR=1"}
	for _, row := range []struct {
		name, keys string
		there      bool
	}{
		{"yes", "y" + enter, true},
		{"yes in full", "YES" + enter, true},
		{"no", "n" + enter, false},
		{"an empty line", enter, false},
		{"another word", "sure" + enter, false},
		{"the end of the input", ctrlD, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, other := startRedirecting(t)
			shown := "Twilio would follow"
			if row.there {
				shown = "< there"
			}
			x := startPhone(t, settings, "--url="+w.URL+"/sms")
			x.expect(prompt)
			x.press("hi" + enter)
			x.expect(other.URL)
			x.expect("[y/N] ")
			if n := len(other.requests); n > 0 {
				t.Errorf("the other server gets %d requests before the question is answered", n)
			}
			x.press(row.keys)
			x.expect(shown)
			x.expect(prompt)
			x.press("/burst 3" + enter) // each server is asked about only once
			for range 3 {
				x.expect(shown)
			}
			x.expect(prompt)
			x.press("/quit" + enter)
			x.exits(0)
			want := 0
			if row.there {
				want = 4
			}
			if n := len(other.requests); n != want ||
				strings.Count(x.text(), "[y/N]") != strings.Count(x.text(), "send it") {
				t.Errorf("the other server got %d requests, want %d: %q", n, want, x.text())
			}

			y := startPhone(t, settings, "--url="+w.URL+"/sms", "one", "two") // texts in the command line
			y.expect(other.URL)
			y.expect("[y/N] ")
			y.press(row.keys)
			y.expect(shown)
			y.expect(shown)
			status := 1
			if row.there {
				status = 0
			}
			y.exits(status)
		})
	}
}

// TestPhoneDoesNotAskForAProgram uses --json at a terminal.
func TestPhoneDoesNotAskForAProgram(t *testing.T) {
	w, other := startRedirecting(t)
	x := startPhone(t, []string{"TERM=xterm", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL+"/sms",
		"--json", "hi")
	x.expect(`"not_followed":"` + other.URL)
	x.exits(1)
	if len(other.requests) > 0 || strings.Contains(x.text(), "[y/N]") {
		t.Errorf("it asks, or contacts the other server: %q", x.text())
	}
}
