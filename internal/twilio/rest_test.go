package twilio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/twilio"
	"smsession/internal/twiliotest"
)

// anAccount is the account that the stand-in a is.
func anAccount(a *twiliotest.Account) *twilio.Account {
	return twilio.NewAccount(twiliotest.AccountSID, twiliotest.AuthToken, a)
}

// answer is a Fail that answers with a page of another program, such as a proxy.
func answer(status int, contentType, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

func TestANumberIsFound(t *testing.T) {
	const sid = "PNbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	rows := []struct {
		name, number, sid, want string
		numbers                 []map[string]any
	}{
		{"by itself", twiliotest.ExampleNumber, twiliotest.ExampleSID, "", []map[string]any{twiliotest.Example()}},
		{"behind longer ones that begin with it, on the second page", "+1808925532", sid, "", []map[string]any{
			twiliotest.Example(), twiliotest.Example("sid", sid, "phone_number", "+1808925532")}},
		{"not where only a longer one begins with it", "+1808925532", "", "the account has no number +1808925532", []map[string]any{twiliotest.Example()}},
		{"not in an account without numbers", "+15005550006", "", "the account has no number +15005550006", nil},
		{"not where there are two", twiliotest.ExampleNumber, "",
			"the account has the number +18089255327 2 times, so which one is meant cannot be told",
			[]map[string]any{twiliotest.Example(), twiliotest.Example("sid", sid)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := anAccount(twiliotest.New(t, row.numbers...)).Number(t.Context(), row.number)
			if got.SID != row.sid || row.want == "" && err != nil || row.want != "" && (err == nil || err.Error() != row.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestANumberIsReadAsTwilioHasIt(t *testing.T) {
	a := twiliotest.New(t, twiliotest.Example("sms_url", "https://sms.example.com/sms#rc=2", "sms_method", "GET",
		"sms_fallback_url", nil, "sms_fallback_method", "POST", "sms_application_sid", "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	got, err := anAccount(a).Number(t.Context(), twiliotest.ExampleNumber)
	want := twilio.Number{
		SID: twiliotest.ExampleSID, PhoneNumber: twiliotest.ExampleNumber, FriendlyName: "(808) 925-5327",
		Webhook:        twilio.Webhook{URL: "https://sms.example.com/sms#rc=2", Method: "GET", FallbackMethod: "POST"},
		ApplicationSID: "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// ourWebhook has an override fragment, which must reach Twilio as it is.
var ourWebhook = twilio.Webhook{
	URL: "https://sms.example.com/sms#rc=2&rp=all", Method: "POST",
	FallbackURL: "https://sms.example.com/sms/fallback", FallbackMethod: "POST",
}

func TestAWebhookIsSetAndNothingElse(t *testing.T) {
	a := twiliotest.New(t, twiliotest.Example("voice_url", "https://voice.example.com"))
	got, err := anAccount(a).SetWebhook(t.Context(), twiliotest.ExampleSID, ourWebhook)
	if err != nil || got.Webhook != ourWebhook || a.Numbers[0]["sms_url"] != ourWebhook.URL {
		t.Errorf("got %+v, %v", got, err)
	}
	want := "POST /2010-04-01/Accounts/AC/IncomingPhoneNumbers/" + twiliotest.ExampleSID + ".json " +
		"SmsFallbackMethod=POST&SmsFallbackUrl=https%3A%2F%2Fsms.example.com%2Fsms%2Ffallback" +
		"&SmsMethod=POST&SmsUrl=https%3A%2F%2Fsms.example.com%2Fsms%23rc%3D2%26rp%3Dall"
	if calls := a.Calls(); !slices.Equal(calls, []string{want}) {
		t.Errorf("Twilio was asked %q", calls)
	}
}

func TestWhatGoesWrongIsASentence(t *testing.T) {
	const open = "; the webhook may have been set or not"
	rows := []struct {
		name, find, set string
		fail            func(http.ResponseWriter, *http.Request) bool
	}{
		{"a wrong token", "Twilio refuses the account SID with this auth token (401)", "", twiliotest.Refuse(401, 20003, "Authenticate")},
		{"an account that may not", "Twilio refuses the request (403, error 20005): Account not active", "", twiliotest.Refuse(403, 20005, "Account not active")},
		{"an unknown account", "Twilio knows no such account or number (404)", "", twiliotest.Refuse(404, 20404, "not found")},
		{"too many requests", "Twilio has had too many requests of this account (429): try again in a while", "", twiliotest.Refuse(429, 20429, "Too Many Requests")},
		{"a failure", "Twilio failed (500): try again in a while", open, twiliotest.Refuse(500, 20500, "Internal Server Error")},
		{"a page of a gateway", "Twilio failed (503): try again in a while", open, answer(503, "text/html", "<html>Unavailable</html>")},
		{"a refusal without a word", "Twilio refuses the request (400)", "", answer(400, "application/json", "{}")},
		{"a refusal that is no JSON", "Twilio refuses the request (418)", "", answer(418, "text/plain", "teapot")},
		{"a redirect", "Twilio answered with a redirect (302), which is not followed", "", answer(302, "text/html", "")},
		{"a redirect with JSON", "Twilio answered with a redirect (307), which is not followed", "", answer(307, "application/json", "{}")},
		{"a page that says that all is well", "cannot understand Twilio's answer", open, answer(200, "text/html", "<html>Log in</html>")},
		{"an answer that ends early", "cannot understand Twilio's answer", open, answer(200, "application/json", `{"sid":`)},
		{"an answer that never ends", "cannot understand Twilio's answer", open, answer(200, "application/json", `{"sid":"`+strings.Repeat("a", 5<<20)+`"}`)},
		{"a message that would move the cursor", "Twilio refuses the request (400, error 1): a [2J b", "", twiliotest.Refuse(400, 1, "a\x1b[2J\nb")},
		{"a message with the token", "Twilio refuses the request (400, error 1): not •••", "", twiliotest.Refuse(400, 1, "not "+twiliotest.AuthToken)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := twiliotest.New(t, twiliotest.Example())
			a.Fail = row.fail
			if _, err := anAccount(a).Number(t.Context(), twiliotest.ExampleNumber); err == nil || err.Error() != row.find {
				t.Errorf("to find the number: %v", err)
			}
			if _, err := anAccount(a).SetWebhook(t.Context(), twiliotest.ExampleSID, ourWebhook); err == nil || err.Error() != row.find+row.set {
				t.Errorf("to set the webhook: %v", err)
			}
		})
	}
}

func TestTheTokenIsSentToTwilioAlone(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		a := twiliotest.New(t, twiliotest.Example())
		a.Fail = answer(status, "text/html", "")
		a.Hosts["elsewhere.example.com"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("after %d elsewhere was asked, with %q", status, r.Header.Get("Authorization"))
		})
		_, _ = anAccount(a).Number(t.Context(), twiliotest.ExampleNumber)
		_, _ = anAccount(a).SetWebhook(t.Context(), twiliotest.ExampleSID, ourWebhook)
	}
}

func TestAWrongTokenIsRefusedByTheStandIn(t *testing.T) {
	wrong := strings.Repeat("f", 32)
	_, err := twilio.NewAccount(twiliotest.AccountSID, wrong, twiliotest.New(t)).Number(t.Context(), "+1")
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), wrong) {
		t.Error(err)
	}
}

func TestTwilioIsWaitedForTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := twiliotest.New(t, twiliotest.Example())
		a.Fail = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		began := time.Now() // the bubble's clock
		_, err := anAccount(a).SetWebhook(t.Context(), twiliotest.ExampleSID, ourWebhook)
		if err == nil || err.Error() != "no answer from Twilio within 10s; the webhook may have been set or not" || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestAnInterruptEndsTheWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := twiliotest.New(t, twiliotest.Example())
	a.Fail = func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := anAccount(a).Number(ctx, twiliotest.ExampleNumber)
	if err == nil || err.Error() != "interrupted: context canceled" {
		t.Error(err)
	}
}

// TestAnUnreachableTwilio speaks with a real transport to a port that nobody listens to.
func TestAnUnreachableTwilio(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	elsewhere := roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(server.URL, "http://")
		return http.DefaultTransport.RoundTrip(r)
	})
	_, err := twilio.NewAccount(twiliotest.AccountSID, twiliotest.AuthToken, elsewhere).Number(t.Context(), "+15005550006")
	if err == nil || !strings.HasPrefix(err.Error(), "cannot reach Twilio: dial tcp 127.0.0.1") || strings.Contains(err.Error(), "IncomingPhoneNumbers") {
		t.Error(err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The hosts are those of https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations.
func TestTheHostIsThatOfTheRegionAndTheEdge(t *testing.T) {
	t.Setenv("TWILIO_REGION", "jp1") // this package does not read it
	for _, row := range []struct{ region, edge, want string }{
		{"", "", "api.twilio.com"},
		{"ie1", "dublin", "api.dublin.ie1.twilio.com"},
		{"us1", "ashburn", "api.ashburn.us1.twilio.com"},
		{"", "dublin", "api.dublin.us1.twilio.com"},
	} {
		var asked string
		account := twilio.NewAccount(twiliotest.AccountSID, twiliotest.AuthToken, roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.Host
			return nil, errors.New("offline")
		}))
		account.Region, account.Edge = row.region, row.edge
		if _, err := account.Number(t.Context(), twiliotest.ExampleNumber); err == nil || asked != row.want {
			t.Errorf("%s at %s is asked at %s, want %s (%v)", row.region, row.edge, asked, row.want, err)
		}
	}
}
