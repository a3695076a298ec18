package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// appCheck runs app-check and returns its exit status and its output.
func appCheck(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), &process{stdout: &out, stderr: &errs}, append([]string{"app-check"}, args...))
	return status, out.String(), errs.String()
}

func answer(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func startApp(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/sms"
}

func TestAppCheck(t *testing.T) {
	good := startApp(t, answer(200, "text/xml", "<Response><Message>Our shop is open.</Message></Response>"))
	bad := startApp(t, answer(500, "text/html", "<h1>Oops</h1>\x1b[2J"))
	t.Run("a good app", func(t *testing.T) {
		status, stdout, stderr := appCheck(t, good)
		if status != 0 || stderr != "" ||
			!strings.HasPrefix(stdout, "first message: ok\n> Hello\n* 200 text/xml after ") ||
			!strings.Contains(stdout, "\n< Our shop is open.\n") ||
			!strings.HasSuffix(stdout, "\nsafe to call again: unknown: it answered every message alike, so a change would not "+
				"show. --text sends words that it acts on\nscenarios: 13 ok, 0 with warnings, 0 failed\n") {
			t.Errorf("exit status %d, %s\n%s", status, stderr, stdout)
		}
	})
	t.Run("a bad app", func(t *testing.T) {
		status, stdout, stderr := appCheck(t, bad)
		if status != 1 || stderr != "smsession: 1 of 1 scenarios failed: the same would happen in production\n" ||
			!strings.Contains(stdout, "\n! 11217 HTTP error response code: ") ||
			!strings.Contains(stdout, `, fault status: <h1>Oops</h1>\x1b[2J`) ||
			!strings.Contains(stdout, "1 failed, 12 not run") || strings.Contains(stdout, "\x1b") {
			t.Errorf("exit status %d, %s\n%s", status, stderr, stdout)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		status, stdout, stderr := appCheck(t, bad, "--json")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		var first struct {
			Scenario string
			OK       bool
			Messages []struct {
				Seen     string
				Calls    []struct{ Fault string }
				Findings []struct{ Code int }
			}
		}
		var last struct {
			Summary struct {
				OK     bool
				NotRun int `json:"not_run"`
			}
		}
		if status != 1 || len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &first) != nil ||
			json.Unmarshal([]byte(lines[1]), &last) != nil {
			t.Fatalf("exit status %d, %s\n%s", status, stderr, stdout)
		}
		if m := first.Messages[0]; first.Scenario != "first message" || first.OK || m.Seen != "apology" ||
			m.Calls[0].Fault != "status" || m.Findings[0].Code != 11217 ||
			last.Summary.OK || last.Summary.NotRun != 12 {
			t.Errorf("%+v, %+v", first, last)
		}
	})
	t.Run("a reader that has gone", func(t *testing.T) {
		var stderr strings.Builder
		p := &process{stdout: closedPipe(t), stderr: &stderr}
		if status := run(t.Context(), p, []string{"app-check", good}); status != 0 || stderr.Len() > 0 {
			t.Errorf("exit status %d, %s", status, stderr.String())
		}
	})
}

func TestAppCheckRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // closed, so that nothing listens there
	if err != nil {
		t.Fatal(err)
	}
	taken.Close()
	gone := "http://" + taken.Addr().String()
	for _, row := range []struct {
		name, want string
		status     int
		args       []string
	}{
		{"no app", "app-check: URL is missing; for example: smsession app-check http://localhost:3000/sms", 2, nil},
		{"an app that is not there", "the app at " + gone + " cannot be reached: start it, or check the URL: ", 1,
			[]string{gone + "/sms?key=S3cr3t"}},
		{"another host", "if you own that host, use --i-own-this-host", 2, []string{"http://192.0.2.1/sms?key=S3cr3t"}},
		{"a URL without a scheme", "APP_URL (the argument URL): ", 2, []string{"user:S3cr3t@localhost/sms"}},
		{"a text that opts out", `--text: "stop" is a word of Twilio's`, 2, []string{gone, "--text", "status", "--text", "stop"}},
		{"an unknown protocol", "APP_PROTOCOL (--protocol): ", 2, []string{gone, "--protocol", "soap"}},
		{"no secret", "APP_SECRET (--secret): ", 2, []string{gone, "--protocol", "json"}},
		{"the flags of the service", "APP_TIMEOUT (--timeout): ", 2,
			[]string{gone, "--app-protocol=json", "--app-secret=S3cr3t", "--app-public-url", gone, "--app-timeout=1m",
				"--twilio-auth-token=S3cr3t"}},
		{"a time-out that is too long", "APP_TIMEOUT (--timeout): ", 2, []string{gone, "--timeout", "1m"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, stdout, stderr := appCheck(t, row.args...)
			if status != row.status || stdout != "" || !strings.Contains(stderr, row.want) ||
				strings.Contains(stderr, "S3cr3t") {
				t.Errorf("exit status %d, %q, %s", status, stderr, stdout)
			}
		})
	}
}

// TestAppCheckToken checks an app that verifies the account and the signature.
func TestAppCheckToken(t *testing.T) {
	const other = "AC00000000000000000000000000000001"
	app := startApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil || r.PostForm.Get("AccountSid") != webhooktest.AccountSID || r.Header.Get(
			"X-Twilio-Signature") != webhooktest.Sign(webhooktest.AuthToken, "http://"+r.Host+r.URL.Path, r.PostForm) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	t.Setenv("TWILIO_AUTH_TOKEN", other+":wrong,"+webhooktest.AuthToken)
	if status, stdout, stderr := appCheck(t, app, "--account-sid", webhooktest.AccountSID); status != 0 {
		t.Errorf("exit status %d, %s\n%s", status, stderr, stdout)
	}
	if status, _, _ := appCheck(t, app); status != 1 {
		t.Errorf("exit status %d with another account", status)
	}
}

// TestAppCheckPort checks an app at the default port of serve, which is another program here.
func TestAppCheckPort(t *testing.T) {
	status, _, stderr := appCheck(t, "http://127.0.0.1:8080/sms", "--protocol", "json")
	if status != 2 || strings.Contains(stderr, "leads to this service itself") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}
