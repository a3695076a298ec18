package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"smsession/internal/twiliotest"
)

// operator runs commands of `smsession webhook`.
type operator struct {
	outside *twiliotest.Account // stands in for Twilio and for the service at sms.example.com
	health  []string            // the requests to the service
}

// newOperator returns an operator whose number has the webhook of another service.
func newOperator(t *testing.T, fields ...any) *operator {
	t.Helper()
	number := twiliotest.Example(append([]any{"sms_url", "https://old.example.com/in", "sms_method", "GET"},
		fields...)...)
	o := &operator{outside: twiliotest.New(t, number)}
	o.outside.Hosts["sms.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.health = append(o.health, r.Method+" "+r.URL.String())
		_, _ = w.Write([]byte("smsession v1.2.3\n"))
	})
	for name, value := range map[string]string{
		"PUBLIC_URL": "https://sms.example.com", "TWILIO_ACCOUNT_SID": twiliotest.AccountSID,
		"TWILIO_AUTH_TOKEN": twiliotest.AuthToken + ",another", "TWILIO_AUTH_TOKEN_FILE": "", "TWILIO_EDGE": "", "TWILIO_REGION": "",
		"WEBHOOK_URL": "", "FALLBACK_URL": "",
	} {
		t.Setenv(name, value)
	}
	return o
}

// run runs `smsession webhook`. It checks that the auth token is not printed.
func (o *operator) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	status = run(t.Context(), &process{stdout: &out, stderr: &errors, transport: o.outside},
		append([]string{"webhook"}, args...))
	if printed := out.String() + errors.String(); strings.Contains(printed, os.Getenv("TWILIO_AUTH_TOKEN")) ||
		strings.Contains(printed, twiliotest.AuthToken) {
		t.Errorf("the token is in %q", printed)
	}
	return status, out.String(), errors.String()
}

// posts returns the requests that change something at Twilio.
func (o *operator) posts() []string {
	return slices.DeleteFunc(o.outside.Requests(), func(request string) bool {
		return strings.HasPrefix(request, "GET ")
	})
}

func TestWebhookShow(t *testing.T) {
	o := newOperator(t)
	const want = `number             +18089255327
friendly name      (808) 925-5327
SMS webhook        GET https://old.example.com/in
fallback           none
application        none
Messaging Service  none
ours               no: the number has a URL that does not end in /sms
`
	if status, stdout, stderr := o.run(t, "show", twiliotest.ExampleNumber); status != 0 || stdout != want ||
		stderr != "" || len(o.posts()) != 0 {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := o.run(t, "show", "(808) 925-5327"); status != 0 || stdout != want ||
		stderr != "smsession: (808) 925-5327 is read as +18089255327\n" {
		t.Errorf("as a person writes it: exit status %d, %s%s", status, stdout, stderr)
	}
	const object = `{"number":"+18089255327","sid":"PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","friendly_name":"(808) 925-5327",` +
		`"webhook":{"url":"https://old.example.com/in","method":"GET","fallback_url":"","fallback_method":"POST"},"application_sid":"",` +
		`"messaging_service":null,"messaging_service_unknown":"","ours":false,"note":"the number has a URL that does not end in /sms"}` + "\n"
	if status, stdout, stderr := o.run(t, "show", "--json", twiliotest.ExampleNumber); status != 0 ||
		stdout != object || stderr != "" {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
}

func TestWebhookSet(t *testing.T) {
	o := newOperator(t)
	const want = `number             +18089255327
friendly name      (808) 925-5327
answering          https://sms.example.com/healthz: smsession v1.2.3
before             GET https://old.example.com/in
  fallback         none
after              POST https://sms.example.com/sms
  fallback         POST https://sms.example.com/sms/fallback
application        none
Messaging Service  none
ours               yes
`
	if status, stdout, stderr := o.run(t, "set", twiliotest.ExampleNumber); status != 0 || stdout != want ||
		stderr != "" {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	if !slices.Equal(o.health, []string{"GET https://sms.example.com/healthz"}) || len(o.posts()) != 1 {
		t.Errorf("the service got %q, and Twilio got %q", o.health, o.posts())
	}
	if _, stdout, _ := o.run(t, "set", twiliotest.ExampleNumber); !strings.Contains(stdout,
		"after              the same\n") || len(o.posts()) != 1 {
		t.Errorf("the second time: %s, %q", stdout, o.posts())
	}
}

func TestWebhookSetFlags(t *testing.T) {
	t.Run("--dry-run sets nothing", func(t *testing.T) {
		o := newOperator(t)
		status, stdout, _ := o.run(t, "set", "--dry-run", "--json", twiliotest.ExampleNumber)
		var got struct {
			Answering     []struct{ Version string }
			DryRun        bool `json:"dry_run"`
			Changed       bool
			Before, After struct{ Webhook struct{ URL string } }
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 0 || len(o.posts()) != 0 {
			t.Fatal(status, err, stdout, o.posts())
		}
		if !got.DryRun || got.Changed || got.Answering[0].Version != "v1.2.3" ||
			got.Before.Webhook.URL != "https://old.example.com/in" ||
			got.After.Webhook.URL != "https://sms.example.com/sms" {
			t.Errorf("got %s", stdout)
		}
	})
	t.Run("--unchecked does not ask the service", func(t *testing.T) {
		o := newOperator(t)
		status, _, stderr := o.run(t, "set", "--unchecked", "--url=https://nowhere.example.com/sms",
			twiliotest.ExampleNumber)
		if status != 0 || len(o.health) != 0 || o.outside.Numbers[0]["sms_url"] != "https://nowhere.example.com/sms" {
			t.Errorf("exit status %d, %s", status, stderr)
		}
	})
	t.Run("--allow-http sets http", func(t *testing.T) {
		o := newOperator(t)
		status, _, stderr := o.run(t, "set", "--allow-http", "--url=http://sms.example.com/sms",
			twiliotest.ExampleNumber)
		if status != 0 || o.outside.Numbers[0]["sms_url"] != "http://sms.example.com/sms" {
			t.Errorf("exit status %d, %s", status, stderr)
		}
	})
	t.Run("--webhook-url and --fallback-url are set", func(t *testing.T) {
		o := newOperator(t)
		status, _, stderr := o.run(t, "set", "--webhook-url=https://sms.example.com/in#rc=2",
			"--fallback-url=https://sms.example.com/else", twiliotest.ExampleNumber)
		if n := o.outside.Numbers[0]; status != 0 || n["sms_url"] != "https://sms.example.com/in#rc=2" ||
			n["sms_fallback_url"] != "https://sms.example.com/else" {
			t.Errorf("exit status %d, %s", status, stderr)
		}
	})
}

func TestWebhookUsage(t *testing.T) {
	const number = twiliotest.ExampleNumber
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"show needs a phone number", []string{"show", "whatsapp:+18089255327"}, "not in E.164"},
		{"show refuses a word", []string{"show", "support"}, "the number must be a phone number such as +12025550143"},
		{"set needs E.164", []string{"set", "12345"}, "not in E.164"},
		{"a number is required", []string{"show"}, "webhook show: NUMBER is missing; for example: smsession webhook show +15005550006"},
		{"--url is checked", []string{"set", number, "--url=https://me:S3cr3t%@sms.example.com/sms"}, "--url cannot be used: the URL is not valid"},
		{"a URL is required", []string{"set", number, "--public-url="}, "there is no URL to set"},
		{"a flag that was removed is unknown", []string{"set", number, "--url=https://sms.example.com/in", "--any-route"}, "a flag is unknown"},
		{"a region without hosts is refused", []string{"show", number, "--twilio-region=jp1"}, "TWILIO_REGION (--twilio-region): the region is not us1"},
		{"a token that cannot be Twilio's is refused", []string{"set", number, "--twilio-auth-token=S3cr3t!"}, "TWILIO_AUTH_TOKEN (--twilio-auth-token): the account's token has a character that is not a letter or a digit"},
		{"an account is required", []string{"show", number, "--twilio-account-sid="}, "TWILIO_ACCOUNT_SID (--twilio-account-sid): the setting is missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newOperator(t)
			status, stdout, stderr := o.run(t, row.args...)
			if status != 2 || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("exit status %d, %s%s", status, stdout, stderr)
			}
			if strings.Contains(stderr, "S3cr3t") || len(o.outside.Requests()) != 0 || len(o.health) != 0 {
				t.Errorf("it prints %q, Twilio gets %q, the service %q", stderr, o.outside.Requests(), o.health)
			}
		})
	}
}

func TestWebhookSetAsksFirst(t *testing.T) {
	o := newOperator(t)
	o.outside.Hosts["sms.example.com"] = http.NotFoundHandler()
	status, stdout, stderr := o.run(t, "set", twiliotest.ExampleNumber)
	const want = "smsession: https://sms.example.com/healthz answers with status 404, so it is not smsession; nothing was set: use --unchecked to set it anyway\n"
	if status != 1 || stderr != want || stdout != "" || len(o.outside.Requests()) != 0 {
		t.Errorf("exit status %d, %s%s, Twilio gets %q", status, stdout, stderr, o.outside.Requests())
	}
}

func TestWebhookErrors(t *testing.T) {
	for _, row := range []struct {
		name, number string
		args         []string
		intercept    func(http.ResponseWriter, *http.Request) bool
		want         string
	}{
		{"an unknown number", "+15005550006", nil, nil, "the account has no number +15005550006"},
		{"a wrong token", twiliotest.ExampleNumber, []string{"--twilio-auth-token=0123456789"}, nil, "Twilio rejected the account SID and the auth token (401)"},
		{"another account", twiliotest.ExampleNumber, []string{"--twilio-account-sid=AC" + strings.Repeat("0", 32)}, nil, "Twilio rejected the account SID and the auth token (401)"},
		{"too many requests", twiliotest.ExampleNumber, nil, twiliotest.Reject(429, 20429, "Too Many Requests"), "(429)"},
		{"a failure at Twilio", twiliotest.ExampleNumber, nil, twiliotest.Reject(503, 20503, "Unavailable"), "Twilio failed (503)"},
	} {
		for _, command := range []string{"show", "set"} {
			t.Run(row.name+" is an error of "+command, func(t *testing.T) {
				o := newOperator(t)
				o.outside.Intercept = row.intercept
				status, stdout, stderr := o.run(t, append([]string{command, row.number}, row.args...)...)
				if status != 1 || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 ||
					stdout != "" || len(o.posts()) != 0 {
					t.Errorf("exit status %d, %s%s", status, stdout, stderr)
				}
			})
		}
	}
}

func TestWebhookSetRejected(t *testing.T) {
	o := newOperator(t)
	o.outside.Hosts["localhost"] = o.outside.Hosts["sms.example.com"]
	status, stdout, stderr := o.run(t, "set", twiliotest.ExampleNumber, "--url=http://localhost/sms", "--allow-http")
	if status != 1 || !strings.Contains(stdout, "before         GET https://old.example.com/in\n") ||
		strings.Contains(stdout, "after") ||
		!strings.Contains(stderr, "smsession: Twilio rejected the request (400, error 21402): SmsUrl is not valid: http://localhost/sms") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
}

// TestWebhookSetRejectedClosedPipe checks that a closed pipe does not hide an error of Twilio.
func TestWebhookSetRejectedClosedPipe(t *testing.T) {
	for _, flag := range []string{"--json=false", "--json"} {
		t.Run(flag, func(t *testing.T) {
			o := newOperator(t)
			var stderr strings.Builder
			p := &process{stdout: closedPipe(t), stderr: &stderr, transport: o.outside}
			status := run(t.Context(), p, []string{"webhook", "set", flag, twiliotest.ExampleNumber, "--unchecked",
				"--allow-http", "--url=http://localhost/sms"})
			if status != 1 || !strings.Contains(stderr.String(), "Twilio rejected the request (400, error 21402)") {
				t.Errorf("exit status %d, %s", status, stderr.String())
			}
		})
	}
}

func TestWebhookSetWarning(t *testing.T) {
	o := newOperator(t, "sms_application_sid", "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	status, _, stderr := o.run(t, "set", twiliotest.ExampleNumber)
	if status != 0 || !strings.HasPrefix(stderr, "smsession: warning: the application APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa overrides") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}

func TestWebhookLogin(t *testing.T) {
	o := newOperator(t)
	status, stdout, stderr := o.run(t, "set", twiliotest.ExampleNumber, "--url=https://me:S3cr3t@sms.example.com/sms")
	if status != 0 || strings.Contains(stdout+stderr, "S3cr3t") ||
		!strings.Contains(stdout, "POST https://•••@sms.example.com/sms\n") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	if url := o.outside.Numbers[0]["sms_url"]; url != "https://me:S3cr3t@sms.example.com/sms" {
		t.Errorf("Twilio has %v", url)
	}
}

// TestWebhookTerminal checks that texts from Twilio cannot control the terminal.
func TestWebhookTerminal(t *testing.T) {
	t.Run("the names and URLs of a number are escaped", func(t *testing.T) {
		o := newOperator(t, "friendly_name", "a\x1b[2J\u202eb\nours  yes", "sms_url",
			"https://old.example.com/\u009b2J")
		_, stdout, _ := o.run(t, "show", twiliotest.ExampleNumber)
		if strings.ContainsAny(stdout, "\x1b\u202e\u009b") || strings.Count(stdout, "\n") != 7 {
			t.Errorf("got %q", stdout)
		}
		_, stdout, _ = o.run(t, "show", "--json", twiliotest.ExampleNumber)
		if strings.ContainsAny(stdout, "\x1b\u202e\u009b") || !strings.Contains(stdout, `a\u001b[2J\u202eb\nours`) ||
			strings.Count(stdout, "\n") != 1 {
			t.Errorf("as JSON, got %q", stdout)
		}
	})
	for _, host := range []string{"api.twilio.com", "messaging.twilio.com"} { // an error, and a note
		for _, command := range []string{"show", "set"} {
			t.Run("an error of "+host+" is escaped by "+command, func(t *testing.T) {
				o := newOperator(t)
				o.outside.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
					return r.URL.Host == host && twiliotest.Reject(400, 21000, "\x1b[2Jgone")(w, r)
				}
				_, stdout, stderr := o.run(t, command, twiliotest.ExampleNumber)
				if printed := stdout + stderr; strings.Contains(printed, "\x1b") ||
					!strings.Contains(printed, `\x1b[2Jgone`) {
					t.Errorf("it prints %q", printed)
				}
			})
		}
	}
}

// TestInterruptedSet interrupts the request that sets the webhook.
func TestInterruptedSet(t *testing.T) {
	o := newOperator(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.outside.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			cancel()
			<-r.Context().Done()
		}
		return r.Method == http.MethodPost
	}
	var stdout, stderr strings.Builder
	p := &process{stdout: &stdout, stderr: &stderr, transport: o.outside}
	status := run(ctx, p, []string{"webhook", "set", twiliotest.ExampleNumber})
	if status != 1 || stderr.String() != "smsession: interrupted; the webhook may or may not have been set\n" {
		t.Errorf("exit status %d, %q", status, stderr.String())
	}
}
