package rest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"
	messaging "github.com/twilio/twilio-go/rest/messaging/v1"

	"smsession/internal/twiliotest"
	"smsession/internal/weburl"
)

func TestService(t *testing.T) {
	resource := func(sid string) map[string]any {
		return map[string]any{
			"sid": sid, "friendly_name": "Support", "inbound_request_url": "https://service.example.com/in", "inbound_method": "GET",
			"fallback_url": "https://service.example.com/fallback", "fallback_method": "POST", "use_inbound_webhook_on_number": false,
		}
	}
	support := &Service{SID: "MGb", FriendlyName: "Support", Overrides: true, Webhook: Webhook{
		URL: weburl.Split("https://service.example.com/in"), Method: "GET",
		FallbackURL: weburl.Split("https://service.example.com/fallback"), FallbackMethod: "POST",
	}}
	null := resource("MGb")
	null["inbound_request_url"], null["fallback_url"], null["use_inbound_webhook_on_number"] = nil, nil, true
	for _, row := range []struct {
		name     string
		services []map[string]any
		senders  map[string][]string
		want     *Service
	}{
		{"an account without services has none", nil, nil, nil},
		{"services with other numbers are skipped", []map[string]any{resource("MGa"), resource("MGb")}, map[string][]string{"MGa": {"PNother"}}, nil},
		{"the second service is found", []map[string]any{resource("MGa"), resource("MGb")},
			map[string][]string{"MGa": {"PNother"}, "MGb": {"PNother", twiliotest.ExampleSID}}, support},
		{"null is empty", []map[string]any{null}, map[string][]string{"MGb": {twiliotest.ExampleSID}},
			&Service{SID: "MGb", FriendlyName: "Support", Webhook: Webhook{Method: "GET", FallbackMethod: "POST"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			twilio := twiliotest.New(t)
			twilio.Services, twilio.Senders = row.services, row.senders
			a := &Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Transport: twilio}
			got, err := a.Service(t.Context(), twiliotest.ExampleSID)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestServiceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twilio := twiliotest.New(t)
		for i := range 20 {
			twilio.Services = append(twilio.Services, map[string]any{"sid": fmt.Sprint("MG", i)})
		}
		twilio.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-time.After(3 * time.Second):
			case <-r.Context().Done():
			}
			return false
		}
		a := &Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Transport: twilio}
		began := time.Now() // by the fake clock of synctest
		_, err := a.Service(t.Context(), twiliotest.ExampleSID)
		const want = "no complete answer from Twilio within 10s"
		if err == nil || err.Error() != want || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestServiceErrors(t *testing.T) {
	for _, row := range []struct {
		name, path, body, want string
		status                 int
	}{
		{"the list is rejected", "/v1/Services", "{}", "Twilio rejected the request (403)", 403},
		{"a service is rejected", "/v1/Services/MGa/PhoneNumbers/" + twiliotest.ExampleSID, "{}", "Twilio failed (500): try again later", 500},
		{"there are more than 50 services", "/v1/Services", `{"services":[],"meta":{"next_page_url":"https://messaging.twilio.com/v1/Services?Page=1"}}`,
			"the account has more than 50 Messaging Services, and the number is in none of the first ones", 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			twilio := twiliotest.New(t)
			twilio.Services = []map[string]any{{"sid": "MGa"}}
			twilio.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != row.path {
					return false
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
				return true
			}
			a := &Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Transport: twilio}
			got, err := a.Service(t.Context(), twiliotest.ExampleSID)
			if got != nil || err == nil || err.Error() != row.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// The fields are compared with those of twilio-go's packages, which are made from the API's description.
func TestFieldsAreTwilios(t *testing.T) {
	for _, row := range []struct{ ours, theirs reflect.Type }{
		{reflect.TypeFor[number](), reflect.TypeFor[api.ApiV2010IncomingPhoneNumber]()},
		{reflect.TypeFor[service](), reflect.TypeFor[messaging.MessagingV1Service]()},
	} {
		theirs := map[string]bool{}
		for field := range row.theirs.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			theirs[name] = true
		}
		for field := range row.ours.Fields() {
			if name := field.Tag.Get("json"); !theirs[name] {
				t.Errorf("%v has no field %q", row.theirs, name)
			}
		}
	}
}
