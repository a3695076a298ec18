package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/twilio/rest"
	"smsession/internal/twiliotest"
)

// respond makes the stand-in respond like another program, such as a proxy.
func respond(status int, contentType, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

func TestErrors(t *testing.T) {
	const unknown = "; the webhook may or may not have been set"
	for _, row := range []struct {
		name      string
		intercept func(http.ResponseWriter, *http.Request) bool
		want      string
		set       string // what SetWebhook adds
	}{
		{"a wrong token", twiliotest.Reject(401, 20003, "Authenticate"), "Twilio rejected the account SID and the auth token (401)", ""},
		{"a suspended account", twiliotest.Reject(403, 20005, "Account not active"), "Twilio rejected the request (403, error 20005): Account not active", ""},
		{"an unknown account", twiliotest.Reject(404, 20404, "not found"), "Twilio found no such account or number (404)", ""},
		{"too many requests", twiliotest.Reject(429, 20429, "Too Many Requests"), "Twilio received too many requests from this account (429): try again later", ""},
		{"a failure of Twilio's", twiliotest.Reject(500, 20500, "Internal Server Error"), "Twilio failed (500): try again later", unknown},
		{"an error page of a gateway", respond(503, "text/html", "<html>Unavailable</html>"), "Twilio failed (503): try again later", unknown},
		{"a rejection without a message", respond(400, "application/json", "{}"), "Twilio rejected the request (400)", ""},
		{"a rejection that is not JSON", respond(418, "text/plain", "teapot"), "Twilio rejected the request (418)", ""},
		{"a redirect", respond(302, "text/html", ""), "Twilio answered with a redirect (302), which is not followed", ""},
		{"a redirect with JSON", respond(307, "application/json", "{}"), "Twilio answered with a redirect (307), which is not followed", ""},
		{"a success that is not JSON", respond(200, "text/html", "<html>Log in</html>"), "cannot understand Twilio's answer", unknown},
		{"a success that is cut off", respond(200, "application/json", `{"sid":`), "cannot understand Twilio's answer", unknown},
		{"a success of 5 MiB", respond(200, "application/json", `{"sid":"`+strings.Repeat("a", 5<<20)+`"}`), "cannot understand Twilio's answer", unknown},
		{"a rejection of 5 MiB", respond(400, "application/json", `{"message":"`+strings.Repeat("a", 5<<20)+`"}`), "Twilio rejected the request (400)", ""},
		{"a message of 201 characters", twiliotest.Reject(400, 1, strings.Repeat("é", 201)), "Twilio rejected the request (400, error 1): " + strings.Repeat("é", 200) + "…", ""},
		{"a message with the token", twiliotest.Reject(400, 1, "not "+twiliotest.AuthToken), "Twilio rejected the request (400, error 1): not •••", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			twilio := twiliotest.New(t, twiliotest.Example())
			twilio.Intercept = row.intercept
			if _, err := account(twilio).Number(t.Context(), twiliotest.ExampleNumber); message(err) != row.want {
				t.Errorf("Number returns %v", err)
			}
			if _, err := account(twilio).SetWebhook(t.Context(), twiliotest.ExampleSID,
				webhook()); message(err) != row.want+row.set {
				t.Errorf("SetWebhook returns %v", err)
			}
		})
	}
}

func TestAuthToken(t *testing.T) {
	t.Run("the token is not sent to the target of a redirect", func(t *testing.T) {
		for _, status := range []int{301, 302, 303, 307, 308} {
			twilio := twiliotest.New(t, twiliotest.Example())
			twilio.Intercept = respond(status, "text/html", "")
			twilio.Hosts["elsewhere.example.com"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("after a %d, the other host got %q", status, r.Header.Get("Authorization"))
			})
			_, _ = account(twilio).Number(t.Context(), twiliotest.ExampleNumber)
			_, _ = account(twilio).SetWebhook(t.Context(), twiliotest.ExampleSID, webhook())
		}
	})
	t.Run("a wrong token is rejected, and the error does not contain it", func(t *testing.T) {
		a := account(twiliotest.New(t))
		a.AuthToken = strings.Repeat("f", 32)
		_, err := a.Number(t.Context(), "+1")
		if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), a.AuthToken) {
			t.Error(err)
		}
	})
}

// waitForever makes the stand-in respond only after the client has stopped waiting. Before that, it calls before.
func waitForever(before func()) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		before()
		<-r.Context().Done()
		return true
	}
}

func TestWaiting(t *testing.T) {
	t.Run("a call ends after ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			twilio := twiliotest.New(t, twiliotest.Example())
			twilio.Intercept = waitForever(func() {})
			began := time.Now() // by the fake clock of synctest
			_, err := account(twilio).SetWebhook(t.Context(), twiliotest.ExampleSID, webhook())
			if message(err) != "no complete answer from Twilio within 10s; the webhook may or may not have been set" ||
				time.Since(began) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
	t.Run("an interrupt ends a call", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		twilio := twiliotest.New(t, twiliotest.Example())
		twilio.Intercept = waitForever(cancel)
		_, err := account(twilio).Number(ctx, twiliotest.ExampleNumber)
		if message(err) != "interrupted: context canceled" || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// transportFunc is an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close() // nothing listens on its port now
	a := account(nil)
	a.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(server.URL, "http://")
		return http.DefaultTransport.RoundTrip(r)
	})
	_, err := a.Number(t.Context(), "+15005550006")
	if err == nil || !strings.HasPrefix(err.Error(), "cannot reach Twilio: dial tcp 127.0.0.1") ||
		strings.Contains(err.Error(), "IncomingPhoneNumbers") {
		t.Error(err)
	}
}

// The hosts are those of https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations.
func TestRegionAndEdge(t *testing.T) {
	t.Setenv("TWILIO_REGION", "jp1") // the package must not read it
	for _, row := range []struct{ region, edge, want string }{
		{"", "", "api.twilio.com"},
		{"ie1", "dublin", "api.dublin.ie1.twilio.com"},
		{"us1", "ashburn", "api.ashburn.us1.twilio.com"},
		{"", "dublin", "api.dublin.us1.twilio.com"},
	} {
		var host string
		a := rest.Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Region: row.region,
			Edge: row.edge}
		a.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			host = r.URL.Host
			return nil, errors.New("offline")
		})
		if _, err := a.Number(t.Context(), twiliotest.ExampleNumber); err == nil || host != row.want {
			t.Errorf("region %q and edge %q lead to %s, want %s (%v)", row.region, row.edge, host, row.want, err)
		}
	}
}
