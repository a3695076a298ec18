package systemtest

import (
	"net/http"
	"strings"
	"testing"
)

// TestPhoneBotAtTerminal is a dialogue with a bot that answers every message, and fails on one.
func TestPhoneBotAtTerminal(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.PostForm.Get("Body") == "crash" {
			stack := strings.Repeat("at a line of the stack\n", 11) + "the last line"
			http.Error(res, stack, http.StatusInternalServerError)
			return
		}
		twiml("welcome")(res, req)
	})
	x := startPhone(t, []string{"TERM=xterm", "NO_COLOR=1"}, "--url="+w.URL+"/sms", "--from=(202) 555-0199")
	x.expect("smsession: (202) 555-0199 is read as +12025550199")
	x.expect("smsession: no auth token is given: the signatures are made with a made-up one")
	x.expect("texting +15005550006 as +12025550199")
	for _, step := range []struct {
		typed string
		shown []string
	}{
		{"STOP", []string{"< from Twilio: You have successfully been unsubscribed.", "* not sent: welcome", "! 21610 "}},
		{"hi", []string{"* not sent: welcome", "! 21610 "}},
		{"START", []string{"< from Twilio: You have successfully been re-subscribed", "< welcome"}},
		{"hi", []string{"< welcome"}},
		{"crash", []string{"! 11217 ", "* the body of the 500:", "| at a line of the stack", "* the body is longer: /verbose"}},
		{"/verbose", []string{"* requests and responses will be shown"}},
		{"crash", []string{"--> ", "<-- ", "| the last line"}},
	} {
		x.expect(prompt)
		x.press(step.typed + enter)
		for _, text := range step.shown {
			x.expect(text)
		}
	}
	x.expect(prompt)
	x.press("/quit" + enter)
	x.exits(0)
}
