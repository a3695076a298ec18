package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/twiliotest"
)

// operator types commands of `smsession webhook` in an environment of its own, with Twilio's stand-in outside.
type operator struct {
	outside *twiliotest.Account
	ctx     context.Context
	health  []string // the requests to sms.example.com
}

// anOperator has a number whose webhook was somebody else's.
func anOperator(t *testing.T, replaced ...any) *operator {
	t.Helper()
	number := twiliotest.Example(append([]any{"sms_url", "https://old.example.com/in", "sms_method", "GET"}, replaced...)...)
	o := &operator{outside: twiliotest.New(t, number), ctx: t.Context()}
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

// types runs `smsession webhook` and checks that the token is never told.
func (o *operator) types(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	status = run(&process{ctx: o.ctx, stdout: &out, stderr: &errors, transport: o.outside}, append([]string{"webhook"}, args...))
	if said := out.String() + errors.String(); strings.Contains(said, os.Getenv("TWILIO_AUTH_TOKEN")) || strings.Contains(said, twiliotest.AuthToken) {
		t.Errorf("the token is in %q", said)
	}
	return status, out.String(), errors.String()
}

// posted are the requests that change something at Twilio.
func (o *operator) posted() []string {
	var posts []string
	for _, call := range o.outside.Requests() {
		if !strings.HasPrefix(call, "GET ") {
			posts = append(posts, call)
		}
	}
	return posts
}

func TestAWebhookIsShown(t *testing.T) {
	o := anOperator(t)
	status, stdout, stderr := o.types(t, "show", twiliotest.ExampleNumber)
	const want = `number             +18089255327
friendly name      (808) 925-5327
SMS webhook        GET https://old.example.com/in
fallback           none
application        none
Messaging Service  none
ours               no: the number has a URL that does not end in /sms
`
	if status != 0 || stdout != want || stderr != "" || o.posted() != nil {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
}

func TestWhoseAWebhookIsIsTold(t *testing.T) {
	url := func(primary, fallback string) []any {
		return []any{"sms_url", primary, "sms_method", "POST", "sms_fallback_url", fallback}
	}
	const fallback = "https://sms.example.com/sms/fallback"
	rows := []struct {
		name, publicURL string
		number          []any
		ours, note      string // ours as JSON has it
	}{
		{"ours", "https://sms.example.com", url("https://sms.example.com/sms", fallback), "true", ""},
		{"ours with an override, a query, a login and the default port, which are not compared", "https://sms.example.com",
			url("https://me:secret@sms.example.com:443/sms?a=b#rc=2", fallback), "true", ""},
		{"ours under a path", "https://example.com/texts/", url("https://example.com/texts/sms", "https://example.com/texts/sms/fallback"), "true", ""},
		{"ours without a fallback", "https://sms.example.com", url("https://sms.example.com/sms", ""), "true", "no fallback URL"},
		{"ours with another's fallback", "https://sms.example.com", url("https://sms.example.com/sms", "https://old.example.com/"), "true", "fallback is not"},
		{"another host's", "https://sms.example.com", url("https://old.example.com/sms", fallback), "false", "another URL than PUBLIC_URL"},
		{"another case, which Twilio signs", "https://sms.example.com", url("https://SMS.example.com/sms", fallback), "false", "another URL than PUBLIC_URL"},
		{"another port", "https://sms.example.com", url("https://sms.example.com:8443/sms", fallback), "false", "another URL than PUBLIC_URL"},
		{"http", "https://sms.example.com", url("http://sms.example.com/sms", fallback), "false", "another URL than PUBLIC_URL"},
		{"a slash too many", "https://sms.example.com", url("https://sms.example.com/sms/", fallback), "false", "does not end in /sms"},
		{"the fallback's", "https://sms.example.com", url(fallback, ""), "false", "does not end in /sms"},
		{"none at all", "https://sms.example.com", url("", ""), "false", "the number has none"},
		{"asked for with GET", "https://sms.example.com", append(url("https://sms.example.com/sms", fallback), "sms_method", "GET"), "false", "has the method GET"},
		{"an application's", "https://sms.example.com", append(url("https://sms.example.com/sms", fallback),
			"sms_application_sid", "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "false", "application APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa overrides"},
		{"ours of a proxy", "https://sms.example.com in", url("https://sms.example.com/in#rc=2", fallback), "true", ""},
		{"not the URL of the proxy", "https://sms.example.com in", url("https://sms.example.com/sms", fallback), "false", "another URL than WEBHOOK_URL, and"},
		{"ours of a proxy, with the fallback URL of another service", "https://sms.example.com in", url("https://sms.example.com/in", "https://old.example.com/"), "true", "POST to PUBLIC_URL with /sms/fallback"},
		{"not known without PUBLIC_URL", "", url("https://sms.example.com/sms", fallback), "null", "neither PUBLIC_URL nor WEBHOOK_URL is set"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := anOperator(t, row.number...)
			public, path, proxied := strings.Cut(row.publicURL, " ")
			t.Setenv("PUBLIC_URL", public)
			if proxied {
				t.Setenv("WEBHOOK_URL", public+"/"+path)
			}
			status, stdout, stderr := o.types(t, "show", "--json", twiliotest.ExampleNumber)
			var got struct {
				Ours json.RawMessage
				Note string
			}
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 0 || stderr != "" {
				t.Fatalf("exit status %d, %v, %s%s", status, err, stdout, stderr)
			}
			if string(got.Ours) != row.ours || row.note == "" && got.Note != "" || !strings.Contains(got.Note, row.note) {
				t.Errorf("ours is %s, %q", got.Ours, got.Note)
			}
			if strings.Contains(stdout, "secret") {
				t.Errorf("the password is in %s", stdout)
			}
		})
	}
}

func TestAMessagingServiceMayOverrideTheWebhook(t *testing.T) {
	rows := []struct {
		name, url string
		uses      bool
		shown     string
		ours      string
	}{
		{"it leaves it to the number", "https://service.example.com/in", true, "MG1 (Support), which leaves the webhook to the number", "yes"},
		{"it has its own", "https://service.example.com/in", false, "MG1 (Support), which overrides it: POST https://service.example.com/in",
			"no: the Messaging Service MG1 overrides the number's webhook, and has a URL that does not end in /sms"},
		{"its own is ours", "https://sms.example.com/sms", false, "MG1 (Support), which overrides it: POST https://sms.example.com/sms", "yes"},
		{"it takes nothing in", "", false, "MG1 (Support), which takes no messages in",
			"no: the Messaging Service MG1 overrides the number's webhook, and has none"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := anOperator(t, "sms_url", "https://sms.example.com/sms", "sms_method", "POST", "sms_fallback_url", "https://sms.example.com/sms/fallback")
			o.outside.Services = []map[string]any{{"sid": "MG1", "friendly_name": "Support",
				"inbound_request_url": row.url, "inbound_method": "POST", "fallback_url": "https://sms.example.com/sms/fallback",
				"fallback_method": "POST", "use_inbound_webhook_on_number": row.uses}}
			o.outside.Senders = map[string][]string{"MG1": {twiliotest.ExampleSID}}
			status, stdout, _ := o.types(t, "show", twiliotest.ExampleNumber)
			if status != 0 || !strings.Contains(stdout, "Messaging Service  "+row.shown+"\n") || !strings.Contains(stdout, "ours               "+row.ours+"\n") {
				t.Errorf("exit status %d, %s", status, stdout)
			}
		})
	}
}

func TestAnUnknownMessagingServiceIsNoFailure(t *testing.T) {
	o := anOperator(t)
	o.outside.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Host == "messaging.twilio.com" && twiliotest.Reject(503, 20503, "Unavailable")(w, r)
	}
	status, stdout, _ := o.types(t, "show", twiliotest.ExampleNumber)
	if status != 0 || !strings.Contains(stdout, "Messaging Service  not known: Twilio failed (503)") {
		t.Errorf("exit status %d, %s", status, stdout)
	}
}

func TestAWebhookIsSetToThePublicURL(t *testing.T) {
	o := anOperator(t)
	status, stdout, stderr := o.types(t, "set", twiliotest.ExampleNumber)
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
	if status != 0 || stdout != want || stderr != "" {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	n := o.outside.Numbers[0]
	if n["sms_url"] != "https://sms.example.com/sms" || n["sms_method"] != "POST" ||
		n["sms_fallback_url"] != "https://sms.example.com/sms/fallback" || n["sms_fallback_method"] != "POST" {
		t.Errorf("Twilio has %v", n)
	}
	if len(o.health) != 1 || o.health[0] != "GET https://sms.example.com/healthz" {
		t.Errorf("the service was asked %q", o.health)
	}
	_, stdout, _ = o.types(t, "set", twiliotest.ExampleNumber)
	if !strings.Contains(stdout, "after              the same\n") || len(o.posted()) != 1 {
		t.Errorf("the second time: %s, %q", stdout, o.posted())
	}
}

func TestADryRunSetsNothing(t *testing.T) {
	o := anOperator(t)
	status, stdout, _ := o.types(t, "set", "--dry-run", twiliotest.ExampleNumber)
	if status != 0 || !strings.Contains(stdout, "would be           POST https://sms.example.com/sms\n") || o.posted() != nil {
		t.Errorf("exit status %d, %s, %q", status, stdout, o.posted())
	}
	status, stdout, _ = o.types(t, "set", "--dry-run", "--json", twiliotest.ExampleNumber)
	var change webhookChange
	if err := json.Unmarshal([]byte(stdout), &change); err != nil || status != 0 {
		t.Fatal(status, err, stdout)
	}
	if !change.DryRun || change.Changed || change.Before.Webhook.URL != "https://old.example.com/in" || change.After.Webhook.URL != "https://sms.example.com/sms" {
		t.Errorf("got %s", stdout)
	}
}

func TestTheURLsThatAreSet(t *testing.T) {
	rows := []struct {
		name              string
		publicURL         string
		args              []string
		primary, fallback string
	}{
		{"PUBLIC_URL with a path and a slash", "https://sms.example.com/a/", nil, "https://sms.example.com/a/sms", "https://sms.example.com/a/sms/fallback"},
		{"PUBLIC_URL with an override, which is kept", "https://sms.example.com#rc=2", nil,
			"https://sms.example.com/sms#rc=2", "https://sms.example.com/sms/fallback#rc=2"},
		{"--url over PUBLIC_URL", "https://old.example.com", []string{"--url=https://sms.example.com/sms"},
			"https://sms.example.com/sms", "https://sms.example.com/sms/fallback"},
		{"--url alone", "", []string{"--url=https://sms.example.com/sms?a=b#ct=100"},
			"https://sms.example.com/sms?a=b#ct=100", "https://sms.example.com/sms/fallback?a=b#ct=100"},
		{"a fallback of another path", "", []string{"--url=https://sms.example.com/sms", "--fallback-url=https://sms.example.com/b/sms/fallback"},
			"https://sms.example.com/sms", "https://sms.example.com/b/sms/fallback"},
		{"http, when told", "", []string{"--url=http://sms.example.com/sms", "--allow-http"},
			"http://sms.example.com/sms", "http://sms.example.com/sms/fallback"},
		{"the URLs of a proxy", "", []string{"--webhook-url=https://sms.example.com/in#rc=2", "--fallback-url=https://sms.example.com/else"},
			"https://sms.example.com/in#rc=2", "https://sms.example.com/else"},
		{"the webhook's URL of a proxy, and the fallback that the service expects", "https://sms.example.com",
			[]string{"--webhook-url=https://sms.example.com/in/sms"}, "https://sms.example.com/in/sms", "https://sms.example.com/sms/fallback"},
		{"--url as the proxy's, with an override", "https://sms.example.com",
			[]string{"--webhook-url=https://sms.example.com/in", "--url=https://sms.example.com/in#rc=2"},
			"https://sms.example.com/in#rc=2", "https://sms.example.com/sms/fallback#rc=2"},
		{"--url as PUBLIC_URL's, with an override", "https://sms.example.com", []string{"--url=https://sms.example.com/sms#rc=2"},
			"https://sms.example.com/sms#rc=2", "https://sms.example.com/sms/fallback#rc=2"},
		{"one where nobody answers, when told", "", []string{"--url=https://nowhere.example.com/sms", "--unchecked"},
			"https://nowhere.example.com/sms", "https://nowhere.example.com/sms/fallback"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := anOperator(t)
			t.Setenv("PUBLIC_URL", row.publicURL)
			status, stdout, stderr := o.types(t, append([]string{"set", twiliotest.ExampleNumber}, row.args...)...)
			n := o.outside.Numbers[0]
			if status != 0 || n["sms_url"] != row.primary || n["sms_fallback_url"] != row.fallback {
				t.Errorf("exit status %d, %v, %v\n%s%s", status, n["sms_url"], n["sms_fallback_url"], stdout, stderr)
			}
		})
	}
}

func TestACommandLineThatSetsNothing(t *testing.T) {
	const number = twiliotest.ExampleNumber
	rows := []struct {
		name string
		args []string
		want string
	}{
		{"a number without +", []string{"show", "18089255327"}, "not in E.164"},
		{"a number with blanks", []string{"show", "+1 808 925 5327"}, "not in E.164"},
		{"a number with a letter", []string{"show", "+1808925532O"}, "not in E.164"},
		{"a number that is too long", []string{"show", "+1808925532712345"}, "not in E.164"},
		{"a pattern, which Twilio would take", []string{"show", "+1*"}, "not in E.164"},
		{"a WhatsApp address", []string{"show", "whatsapp:+18089255327"}, "not in E.164"},
		{"a short code", []string{"set", "12345"}, "not in E.164"},
		{"no number", []string{"show"}, "an argument is missing"},
		{"a URL that is http", []string{"set", number, "--url=http://sms.example.com/sms"}, "--url is not https"},
		{"a PUBLIC_URL that is http", []string{"set", number, "--public-url=http://sms.example.com"}, "PUBLIC_URL (--public-url) is not https"},
		{"a fallback that is http", []string{"set", number, "--fallback-url=http://sms.example.com/sms/fallback"}, "--fallback-url is not https"},
		{"a URL of another route", []string{"set", number, "--url=https://sms.example.com/"}, "--url does not end in /sms,"},
		{"a URL with a slash behind the route", []string{"set", number, "--url=https://sms.example.com/sms/"}, "--url does not end in /sms,"},
		{"a URL with the route in its fragment", []string{"set", number, "--url=https://sms.example.com/#/sms"}, "--url does not end in /sms,"},
		{"the fallback's route for the webhook", []string{"set", number, "--url=https://sms.example.com/sms/fallback"}, "--url does not end in /sms,"},
		{"the webhook's route for the fallback", []string{"set", number, "--fallback-url=https://sms.example.com/sms"}, "--fallback-url does not end in /sms/fallback,"},
		{"a proxy's URL without a fallback", []string{"set", number, "--public-url=", "--webhook-url=https://sms.example.com/in"}, "--fallback-url is missing"},
		{"a URL that only begins like WEBHOOK_URL", []string{"set", number, "--webhook-url=https://sms.example.com/in", "--url=https://sms.example.com/in/x"}, "--url does not end in /sms,"},
		{"a URL that differs from WEBHOOK_URL in its query", []string{"set", number, "--webhook-url=https://sms.example.com/in", "--url=https://sms.example.com/in?a=b"}, "--url does not end in /sms,"},
		{"the webhook's own URL for the fallback", []string{"set", number, "--webhook-url=https://sms.example.com/in", "--fallback-url=https://sms.example.com/in#rc=2"}, "--fallback-url does not end in /sms/fallback, and is the webhook's own URL"},
		{"a flag that was removed", []string{"set", number, "--url=https://sms.example.com/in", "--any-route"}, "a flag is unknown"},
		{"a region whose hosts are gone", []string{"show", number, "--twilio-region=jp1"}, "TWILIO_REGION (--twilio-region): is not us1"},
		{"no URL at all", []string{"set", number, "--public-url="}, "--url is missing, or PUBLIC_URL"},
		{"a URL of another scheme", []string{"set", number, "--url=ftp://S3cr3t@sms.example.com/sms"}, "--url does not begin with https://"},
		{"a URL without a host", []string{"set", number, "--url=https:///sms"}, "--url is not a valid URL"},
		{"a URL that is none", []string{"set", number, "--url=https://me:S3cr3t%@sms.example.com/sms"}, "--url is not a valid URL"},
		{"a URL with a blank", []string{"set", number, "--url=https://sms.example.com/S3cr3t /sms"}, "--url has spaces"},
		{"a token that cannot be one", []string{"set", number, "--twilio-auth-token=S3cr3t!"}, "TWILIO_AUTH_TOKEN (--twilio-auth-token): has characters other than letters and digits"},
		{"no account", []string{"show", number, "--twilio-account-sid="}, "TWILIO_ACCOUNT_SID (--twilio-account-sid): is required"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := anOperator(t)
			status, stdout, stderr := o.types(t, row.args...)
			if status != 2 || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("exit status %d, %s%s", status, stdout, stderr)
			}
			if strings.Contains(stderr, "S3cr3t") || len(o.outside.Requests()) != 0 || len(o.health) != 0 {
				t.Errorf("it said %q, Twilio was asked %q, the service %q", stderr, o.outside.Requests(), o.health)
			}
		})
	}
}

func TestAServiceThatDoesNotAnswerIsNotSet(t *testing.T) {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://sms.example.com/healthz")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	rows := []struct {
		name    string
		args    []string
		service http.HandlerFunc
		want    string
	}{
		{"a host that is not there", []string{"--url=https://nowhere.example.com/sms"}, nil, "https://nowhere.example.com/healthz cannot be reached: dial tcp"},
		{"a redirect to it", nil, say(301, "smsession v1"), "answers with a redirect (301), on which Twilio would lose the message"},
		{"another program", nil, say(200, "OK"), "answers, but it is not smsession"},
		{"a page with our name in it", nil, say(200, "<html>smsession v1"), "answers, but it is not smsession"},
		{"a version that moves the cursor", nil, say(200, "smsession \x1b[2J"), "answers, but it is not smsession"},
		{"a failure with our name in it", nil, say(502, "smsession v1"), "answers with status 502"},
		{"a fallback elsewhere", []string{"--fallback-url=https://nowhere.example.com/sms/fallback"}, say(200, "smsession v1"), "https://nowhere.example.com/healthz cannot be reached"},
		{"a login", []string{"--url=https://me:S3cr3t@nowhere.example.com/sms"}, nil, "https://•••@nowhere.example.com/healthz cannot be reached"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := anOperator(t)
			if row.service != nil {
				o.outside.Hosts["sms.example.com"] = row.service
			}
			status, stdout, stderr := o.types(t, append([]string{"set", twiliotest.ExampleNumber}, row.args...)...)
			if status != 1 || !strings.Contains(stderr, row.want) || !strings.Contains(stderr, "; nothing was set; --unchecked sets it") || stdout != "" {
				t.Errorf("exit status %d, %s%s", status, stdout, stderr)
			}
			if strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "S3cr3t") || len(o.outside.Requests()) != 0 {
				t.Errorf("it said %q, Twilio was asked %q", stderr, o.outside.Requests())
			}
		})
	}
}

func TestTheServiceIsWaitedForFiveSeconds(t *testing.T) {
	o := anOperator(t)
	synctest.Test(t, func(t *testing.T) {
		o.ctx = t.Context()
		o.outside.Hosts["sms.example.com"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now() // the bubble's clock
		status, _, stderr := o.types(t, "set", twiliotest.ExampleNumber)
		if status != 1 || !strings.Contains(stderr, "https://sms.example.com/healthz does not answer within 5s") || time.Since(began) != 5*time.Second {
			t.Errorf("exit status %d, %s, after %v", status, stderr, time.Since(began))
		}
	})
}

func TestALoginOfTheWebhookIsUsedAndHidden(t *testing.T) {
	o := anOperator(t)
	o.outside.Hosts["sms.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "S3cr3t" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte("smsession v1"))
	})
	status, stdout, stderr := o.types(t, "set", twiliotest.ExampleNumber, "--url=https://me:S3cr3t@sms.example.com/sms")
	if status != 0 || strings.Contains(stdout+stderr, "S3cr3t") || !strings.Contains(stdout, "POST https://•••@sms.example.com/sms\n") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	if url := o.outside.Numbers[0]["sms_url"]; url != "https://me:S3cr3t@sms.example.com/sms" {
		t.Errorf("Twilio has %v", url)
	}
}

func TestTheTokenStaysWithTwilio(t *testing.T) {
	o := anOperator(t)
	o.outside.Hosts["sms.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the service was sent the login")
		}
		_, _ = w.Write([]byte("smsession v1"))
	})
	if status, _, stderr := o.types(t, "set", twiliotest.ExampleNumber); status != 0 {
		t.Error(stderr)
	}
}

func TestTwiliosRefusalsAreASentenceAndStatusOne(t *testing.T) {
	rows := []struct {
		name, number string
		args         []string
		fail         func(http.ResponseWriter, *http.Request) bool
		want         string
	}{
		{"an unknown number", "+15005550006", nil, nil, "the account has no number +15005550006"},
		{"a wrong token", twiliotest.ExampleNumber, []string{"--twilio-auth-token=0123456789"}, nil, "Twilio rejected the account SID and the auth token (401)"},
		{"another account", twiliotest.ExampleNumber, []string{"--twilio-account-sid=AC" + strings.Repeat("0", 32)}, nil, "Twilio rejected the account SID and the auth token (401)"},
		{"too many requests", twiliotest.ExampleNumber, nil, twiliotest.Reject(429, 20429, "Too Many Requests"), "(429)"},
		{"a failure", twiliotest.ExampleNumber, nil, twiliotest.Reject(503, 20503, "Unavailable"), "Twilio failed (503)"},
	}
	for _, row := range rows {
		for _, command := range []string{"show", "set"} {
			t.Run(row.name+", "+command, func(t *testing.T) {
				o := anOperator(t)
				o.outside.Intercept = row.fail
				status, stdout, stderr := o.types(t, append([]string{command, row.number}, row.args...)...)
				if status != 1 || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 || stdout != "" || o.posted() != nil {
					t.Errorf("exit status %d, %s%s", status, stdout, stderr)
				}
			})
		}
	}
}

func TestWhatWasBeforeIsShownWhenTwilioRefusesToSet(t *testing.T) {
	o := anOperator(t)
	o.outside.Hosts["localhost"] = o.outside.Hosts["sms.example.com"]
	status, stdout, stderr := o.types(t, "set", twiliotest.ExampleNumber, "--url=http://localhost/sms", "--allow-http")
	if status != 1 || !strings.Contains(stdout, "before         GET https://old.example.com/in\n") || strings.Contains(stdout, "after") ||
		!strings.Contains(stderr, "smsession: Twilio rejected the request (400, error 21402): SmsUrl is not valid: http://localhost/sms") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
}

func TestAnUpdateThatTwilioTakesOtherwiseIsAFailure(t *testing.T) {
	o := anOperator(t)
	o.outside.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(twiliotest.Example("sms_url", "https://sms.example.com/SMS"))
		}
		return r.Method == http.MethodPost
	}
	status, _, stderr := o.types(t, "set", twiliotest.ExampleNumber)
	if status != 1 || !strings.Contains(stderr, "has another webhook now than the one that was set") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}

func TestAnOverriddenWebhookIsSetWithAWarning(t *testing.T) {
	o := anOperator(t, "sms_application_sid", "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	status, _, stderr := o.types(t, "set", twiliotest.ExampleNumber)
	if status != 0 || !strings.Contains(stderr, "smsession: warning: the application APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa overrides") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}

func TestWhatIsShownIsPrintable(t *testing.T) {
	o := anOperator(t, "friendly_name", "a\x1b[2J\u202eb\nours  yes", "sms_url", "https://old.example.com/\u009b2J")
	_, stdout, _ := o.types(t, "show", twiliotest.ExampleNumber)
	if strings.ContainsAny(stdout, "\x1b\u202e\u009b") || strings.Count(stdout, "\n") != 7 {
		t.Errorf("got %q", stdout)
	}
	_, stdout, _ = o.types(t, "show", "--json", twiliotest.ExampleNumber)
	if strings.ContainsAny(stdout, "\x1b\u202e\u009b") || !strings.Contains(stdout, `a\u001b[2J\u202eb\nours`) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("as JSON it is %q", stdout)
	}
}
