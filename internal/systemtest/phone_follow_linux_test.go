package systemtest

import (
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

func TestPhoneAsksWhetherToFollow(t *testing.T) {
	settings := []string{"TERM=xterm", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken, "NO_COLOR=1"}
	for _, row := range []struct {
		name, keys string
		there      bool
	}{
		{"yes", "y" + enter, true},
		{"yes in full", "YES" + enter, true},
		{"no", "n" + enter, false},
		{"nothing", enter, false},
		{"something else", "sure" + enter, false},
		{"the end of the input", ctrlD, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, other := leadingWebhook(t)
			says := "Twilio would follow"
			if row.there {
				says = "< there"
			}
			x := sitDown(t, settings, "--url="+w.URL+"/sms")
			x.expect(asked)
			x.press("hi" + enter)
			x.expect(other.URL)
			x.expect("[y/N] ")
			if n := len(other.requests); n > 0 {
				t.Errorf("the other server gets %d requests before the answer", n)
			}
			x.press(row.keys)
			x.expect(says)
			x.expect(asked)
			x.press("/burst 3" + enter) // asked once a server
			for range 3 {
				x.expect(says)
			}
			x.expect(asked)
			x.press("/quit" + enter)
			x.leaves(0)
			want := 0
			if row.there {
				want = 4
			}
			if n := len(other.requests); n != want || strings.Count(x.text(), "[y/N]") != strings.Count(x.text(), "send it") {
				t.Errorf("the other server got %d requests, want %d: %q", n, want, x.text())
			}

			y := sitDown(t, settings, "--url="+w.URL+"/sms", "one", "two") // texts of the command line
			y.expect(other.URL)
			y.expect("[y/N] ")
			y.press(row.keys)
			y.expect(says)
			y.expect(says)
			status := 1
			if row.there {
				status = 0
			}
			y.leaves(status)
		})
	}
}

// If a program reads the output, the phone asks nobody, even in a terminal.
func TestPhoneAsksNobodyForAProgram(t *testing.T) {
	w, other := leadingWebhook(t)
	x := sitDown(t, []string{"TERM=xterm", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL+"/sms", "--json", "hi")
	x.expect(`"not_followed":"` + other.URL)
	x.leaves(1)
	if len(other.requests) > 0 || strings.Contains(x.text(), "[y/N]") {
		t.Errorf("it asks, or goes: %q", x.text())
	}
}
