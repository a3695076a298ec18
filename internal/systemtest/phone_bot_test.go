package systemtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"smsession/internal/phone"
	"smsession/internal/webhooktest"
)

// The replies of Twilio to STOP and START.
const (
	unsubscribed = "You have successfully been unsubscribed. You will not receive any more messages from this number. " +
		"Reply START to resubscribe."
	resubscribed = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. " +
		"Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// deliveries returns what phone --json printed.
func deliveries(t *testing.T, x texted) (all []phone.Delivery) {
	t.Helper()
	for line := range strings.Lines(x.stdout) {
		var d phone.Delivery
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, d)
	}
	return all
}

// TestPhoneFindsABot has a bot with the bug that its developer must find: it acts twice on a resent message.
func TestPhoneFindsABot(t *testing.T) {
	var n atomic.Int64
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		twiml(fmt.Sprintf("You have %d items.", n.Add(1)))(res, req)
	})
	x := text(t, nil, "", "--url="+w.URL, "add one", "/again")
	sid := w.next(t).PostForm.Get("MessageSid")
	want := "! The repeat of " + sid + ` got another reply: a resend would act twice. ` +
		`The first reply was "You have 1 items.", this one is "You have 2 items.".`
	const status = "smsession: 1 of 2 messages were repeats that got another reply: a resend would act twice"
	if x.status != 1 || !strings.Contains(x.stdout, want+"\n") || !strings.HasSuffix(x.stderr, status) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	t.Run("the fault is in the JSON", func(t *testing.T) {
		d := deliveries(t, text(t, nil, "", "--url="+w.URL, "--json", "add one", "/again"))
		if len(d) != 2 || !d[0].OK() || d[1].OK() || !d[1].ActsTwice ||
			!strings.Contains(d[1].Findings[0].Detail, "got another reply") {
			t.Errorf("the deliveries are %+v", d)
		}
	})
}

// TestPhoneWithoutToken has a webhook that checks the signature.
func TestPhoneWithoutToken(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if !signedFor(req, "http://"+req.Host+"/sms") {
			http.Error(res, "the signature is wrong", http.StatusForbidden)
			return
		}
		twiml("welcome")(res, req)
	})
	const secret, madeUp = "0123456789abcdef0123456789abcdef", "smsession: no auth token is given: the signatures are made with a made-up one\n"
	for _, row := range []struct {
		name           string
		settings, args []string
		status         int
		says, stderr   string
	}{
		{"no token is needed", nil, nil, 1, "The phone signed the URL " + w.URL + "/sms with a made-up auth token", madeUp},
		{"an empty token is none", []string{"TWILIO_AUTH_TOKEN="}, nil, 1, "with a made-up auth token", madeUp},
		{"another token is shown by its ends", []string{"TWILIO_AUTH_TOKEN=" + secret}, nil, 1, "with the auth token 0123…cdef.", ""},
		{"the body says why", nil, nil, 1, "* the body of the 403:\n| the signature is wrong\n", madeUp},
		{"the signature may be left out", []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, []string{"--no-signature"}, 1,
			"The request had no signature.", ""},
		{"the right token is accepted", []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, nil, 0, "< welcome\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, row.settings, "", append([]string{"--url=" + w.URL + "/sms"}, append(row.args, "hi")...)...)
			if x.status != row.status || !strings.Contains(x.stdout, row.says) ||
				!strings.HasPrefix(x.stderr, row.stderr) || strings.Contains(x.stdout+x.stderr, secret) {
				t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
			}
		})
	}
}

// TestPhoneShowsErrorPages has a bot that fails with a stack trace of 12 lines, which contain control characters.
func TestPhoneShowsErrorPages(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, _ *http.Request) {
		res.WriteHeader(http.StatusInternalServerError)
		for n := range 12 {
			fmt.Fprintf(res, "at line %d\x1b[2J\n", n+1)
		}
	})
	for _, row := range []struct {
		args  []string
		lines int
		note  bool
	}{
		{[]string{"hi"}, 10, true},
		{[]string{"--verbose", "hi"}, 12, false},
		{[]string{"/verbose", "hi"}, 12, false},
	} {
		x := text(t, nil, "", append([]string{"--url=" + w.URL}, row.args...)...)
		if got := x.lines("| "); len(got) != row.lines || got[0] != `at line 1\x1b[2J` ||
			strings.Contains(x.stdout, "the body is longer") != row.note || strings.Contains(x.stdout, "\x1b") {
			t.Errorf("%q: exit status %d:\n%s", row.args, x.status, x.stdout)
		}
	}
	d := deliveries(t, text(t, nil, "", "--url="+w.URL, "--json", "hi"))
	if e := d[0].Exchanges[0]; len(e.Excerpt) != 10 || !e.ExcerptIsCut || e.ResponseBody != "" {
		t.Errorf("the exchange is %+v", e)
	}
}

// TestPhoneOptsOut has a bot that answers every message, and wants to know what becomes of its answers.
func TestPhoneOptsOut(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/sms" {
			res.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(res, `<Response><Message statusCallback="/status">welcome</Message></Response>`)
		}
	})
	args := []string{"--url=" + w.URL + "/sms", "hi", "STOP", "hi", "START", "hi"}
	x := text(t, nil, "", args...)
	want := []string{"welcome", "from Twilio: " + unsubscribed, "from Twilio: " + resubscribed, "welcome", "welcome"}
	if got := x.lines("< "); x.status != 1 || !slices.Equal(got, want) ||
		!slices.Equal(x.lines("* "), []string{"not sent: welcome", "not sent: welcome"}) ||
		strings.Count(x.stdout, "! 21610 Attempt to send to unsubscribed recipient: ") != 2 {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	t.Run("the JSON has the state of each reply", func(t *testing.T) {
		var states, statuses []string
		for _, d := range deliveries(t, text(t, nil, "", append(args, "--json")...)) {
			for _, r := range d.Replies {
				states = append(states, fmt.Sprintf("%s %t %t", r.Status, r.FromTwilio, d.OptedOut))
			}
			for _, e := range d.Exchanges {
				statuses = append(statuses, fmt.Sprintf("%s %d", e.Reason, e.Status))
			}
		}
		if want := []string{"delivered false false", "delivered true true", "refused false true", "refused false true",
			"delivered true false", "delivered false false", "delivered false false"}; !slices.Equal(states, want) {
			t.Errorf("the replies are %q", states)
		}
		if want := []string{"primary 200", "statusCallback 200", "statusCallback 200", "primary 200",
			"statusCallback 200"}; !slices.Equal(statuses[:5], want) {
			t.Errorf("the exchanges are %q", statuses)
		}
	})
}

// TestPhoneReadsNumbers writes numbers as people do.
func TestPhoneReadsNumbers(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	x := text(t, nil, "", "--url="+w.URL, "--no-signature", "--from=(202) 555-0199", "--to=whatsapp:1-500-555-0006",
		"--param=FromCity=CHICAGO", "--param=Tags=a,b", "hi")
	form := w.next(t).PostForm
	if form.Get("From") != "whatsapp:+12025550199" || form.Get("To") != "whatsapp:+15005550006" ||
		form.Get("FromCity") != "CHICAGO" || form.Get("Tags") != "a,b" {
		t.Errorf("the form is %v", form)
	}
	const says = "smsession: (202) 555-0199 is read as +12025550199\n" +
		"smsession: whatsapp:1-500-555-0006 is read as whatsapp:+15005550006"
	if x.status != 0 || x.stderr != says {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	for flag, want := range map[string]string{
		"--from=hello": "--from must be a phone number such as +12025550143",
		"--param=City": "--param must be NAME=VALUE, such as --param FromCity=CHICAGO",
		"--opt-out=no": "--opt-out must be one of default, advanced, off",
	} {
		if x := text(t, nil, "", "--url="+w.URL, flag, "hi"); x.status != 2 || !strings.Contains(x.stderr, want) {
			t.Errorf("%s: exit status %d: %s", flag, x.status, x.stderr)
		}
	}
}
