package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/twilio/rest"
	"smsession/internal/twiliotest"
	"smsession/internal/webhook"
	"smsession/internal/weburl"
)

func TestAsk(t *testing.T) {
	for _, row := range []struct {
		name    string
		webhook rest.Webhook
		service http.HandlerFunc
		want    string // the error, "" for none
	}{
		{"smsession answers", ourWebhook(), respond(200, "smsession v1.2.3\n"), ""},
		{"a host that does not exist is an error", post("https://nowhere.example.com/sms", "https://nowhere.example.com/sms"), nil,
			"https://nowhere.example.com/healthz cannot be reached: dial tcp"},
		{"a redirect is an error", ourWebhook(), respond(301, "smsession v1"), "answers with a redirect (301), and Twilio would lose the message"},
		{"another program is an error", ourWebhook(), respond(200, "OK"), "answers, but it is not smsession"},
		{"a page with the name in it is an error", ourWebhook(), respond(200, "<html>smsession v1"), "answers, but it is not smsession"},
		{"a version with a control character is an error", ourWebhook(), respond(200, "smsession \x1b[2J"), "answers, but it is not smsession"},
		{"a failure is an error", ourWebhook(), respond(502, "smsession v1"), "answers with status 502"},
		{"a fallback URL at another host is asked, too", post(ourURL, "https://nowhere.example.com/sms/fallback"),
			respond(200, "smsession v1"), "https://nowhere.example.com/healthz cannot be reached"},
		{"an error hides the login", post("https://me:S3cr3t@nowhere.example.com/sms", "https://me:S3cr3t@nowhere.example.com/sms"), nil,
			"https://•••@nowhere.example.com/healthz cannot be reached"},
	} {
		t.Run(row.name, func(t *testing.T) {
			outside := twiliotest.New(t)
			if row.service != nil {
				outside.Hosts["sms.example.com"] = row.service
			}
			answers, err := webhook.Ask(t.Context(), outside, row.webhook)
			if row.want == "" {
				if want := []webhook.Answer{{URL: weburl.Split("https://sms.example.com/healthz"),
					Version: "v1.2.3"}}; err != nil || !slices.Equal(answers, want) {
					t.Errorf("got %+v, %v", answers, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "S3cr3t") {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestHealthURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example/sms":                  "https://a.example/healthz",
		"https://a.example/sms/fallback":         "https://a.example/healthz",
		"https://a.example/x/y/sms":              "https://a.example/x/y/healthz",
		"https://a.example/x/y/sms/fallback#c=1": "https://a.example/x/y/healthz",
		"https://a.example:8443/in?a=b#rc=2":     "https://a.example:8443/healthz",
		"https://a.example/x/in":                 "https://a.example/x/healthz",
		"https://a.example":                      "https://a.example/healthz",
		"https://me:pw@a.example/sms":            "https://me:pw@a.example/healthz",
	} {
		var asked []string
		outside := transportFunc(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			return nil, http.ErrServerClosed
		})
		if _, err := webhook.Ask(t.Context(), outside, post(url, url)); err == nil ||
			!slices.Equal(asked, []string{want}) {
			t.Errorf("%s: Ask requested %q, want %s (%v)", url, asked, want, err)
		}
	}
}

// transportFunc is an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAskWaitsFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outside := twiliotest.New(t)
		outside.Hosts["sms.example.com"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})
		began := time.Now() // by the fake clock of synctest
		_, err := webhook.Ask(t.Context(), outside, ourWebhook())
		if err == nil || err.Error() != "https://sms.example.com/healthz does not answer within 5s" ||
			time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// The user and the password of a webhook are sent to its host. The auth token is sent only to Twilio.
func TestAskSendsTheLogin(t *testing.T) {
	outside := twiliotest.New(t)
	outside.Hosts["sms.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "S3cr3t" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte("smsession v1"))
	})
	login := post("https://me:S3cr3t@sms.example.com/sms", "https://me:S3cr3t@sms.example.com/sms/fallback")
	answers, err := webhook.Ask(t.Context(), outside, login)
	if err != nil || len(answers) != 1 || answers[0].URL.Masked() != "https://•••@sms.example.com/healthz" {
		t.Errorf("got %+v, %v", answers, err)
	}
	outside.Hosts["sms.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a service without a login gets one")
		}
		_, _ = w.Write([]byte("smsession v1"))
	})
	if _, err := webhook.Ask(t.Context(), outside, ourWebhook()); err != nil {
		t.Error(err)
	}
}
