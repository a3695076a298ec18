package systemtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// startRedirecting returns a webhook that leads to another server, and the other server.
func startRedirecting(tb testing.TB) (w, other *webhook) {
	tb.Helper()
	other = startWebhook(tb, twiml("there"))
	w = startWebhook(tb, func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(res, "<Response><Redirect>%s/next</Redirect></Response>", other.URL)
	})
	return w, other
}

func TestPhoneFollowsToNamedHostsOnly(t *testing.T) {
	w, other := startRedirecting(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(other.URL, "http://"), ":")
	for _, row := range []struct {
		name  string
		args  []string
		there bool
	}{
		{"no flag", nil, false},
		{"no flag, with --json", []string{"--json"}, false},
		{"its host", []string{"--follow-hosts=127.0.0.1"}, true},
		{"its host, with --json", []string{"--follow-hosts=127.0.0.1", "--json"}, true},
		{"its host and port", []string{"--follow-hosts=127.0.0.1:" + port}, true},
		{"its host among others", []string{"--follow-hosts=other.example,127.0.0.1.:" + port}, true},
		{"the flag twice", []string{"--follow-hosts=127.0.0.1", "--follow-hosts=other.example"}, true},
		{"another port of its host", []string{"--follow-hosts=127.0.0.1:1"}, false},
		{"another name of its host", []string{"--follow-hosts=localhost"}, false},
		{"a name that begins with its host", []string{"--follow-hosts=127.0.0.1.other.example"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "",
				append([]string{"--url=" + w.URL + "/sms"}, append(row.args, "hi")...)...)
			if got := len(other.requests); got > 0 != row.there {
				t.Errorf("the other server got %d requests:\n%s%s", got, x.stdout, x.stderr)
			}
			for len(other.requests) > 0 {
				<-other.requests
			}
			if row.there {
				if x.status != 0 || !strings.Contains(x.stdout, "there") || x.stderr != "" {
					t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
				}
				return
			}
			if x.status != 1 || !strings.Contains(x.stdout, "Twilio would follow") ||
				!strings.Contains(x.stdout, other.URL) ||
				!strings.Contains(x.stderr, "the webhook leads to another server for 1 of 1 messages") ||
				!strings.Contains(x.stderr, "--follow-hosts") {
				t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
			}
			if row.args != nil && row.args[0] == "--json" &&
				!strings.Contains(x.stdout, `"not_followed":"`+other.URL+`"`) {
				t.Errorf("the JSON is %s", x.stdout)
			}
		})
	}
}

func TestPhoneRefusesInvalidHosts(t *testing.T) {
	for _, value := range []string{"", "http://other.example", "other.example/path", "S3cr3t@other.example",
		"other.example:port", "a b"} {
		x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", "--url=http://127.0.0.1:1/sms",
			"--follow-hosts="+value+",b", "hi")
		if x.status != 2 || !strings.Contains(x.stderr, "--follow-hosts") || strings.Contains(x.stderr, "S3cr3t") ||
			x.stdout != "" {
			t.Errorf("%q: exit status %d:\n%s%s", value, x.status, x.stdout, x.stderr)
		}
	}
}
