package twilio

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	messaging "github.com/twilio/twilio-go/rest/messaging/v1"

	"smsession/internal/twiliotest"
)

func TestTheMessagingServiceOfANumberIsFound(t *testing.T) {
	serviceWith := func(sid string, senders ...string) map[string]any {
		return map[string]any{
			"sid": sid, "friendly_name": "Support", "inbound_request_url": "https://service.example.com/in", "inbound_method": "GET",
			"fallback_url": "https://service.example.com/fallback", "fallback_method": "POST", "use_inbound_webhook_on_number": true,
			"senders": senders,
		}
	}
	support := &Service{SID: "MGb", FriendlyName: "Support", UsesNumbersWebhook: true, Webhook: Webhook{
		URL: "https://service.example.com/in", Method: "GET", FallbackURL: "https://service.example.com/fallback", FallbackMethod: "POST"}}
	null := serviceWith("MGb", twiliotest.ExampleSID)
	null["inbound_request_url"], null["fallback_url"], null["use_inbound_webhook_on_number"] = nil, nil, false
	rows := []struct {
		name     string
		services []map[string]any
		want     *Service
	}{
		{"none in an account without", nil, nil},
		{"none that has other numbers", []map[string]any{serviceWith("MGa", "PNother"), serviceWith("MGb")}, nil},
		{"the second one", []map[string]any{serviceWith("MGa", "PNother"), serviceWith("MGb", "PNother", twiliotest.ExampleSID)}, support},
		{"one that takes no messages in", []map[string]any{null},
			&Service{SID: "MGb", FriendlyName: "Support", Webhook: Webhook{Method: "GET", FallbackMethod: "POST"}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := twiliotest.New(t)
			a.Services = row.services
			got, err := NewAccount(twiliotest.AccountSID, twiliotest.AuthToken, a).Service(t.Context(), twiliotest.ExampleSID)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestServicesThatCannotBeAskedAreAnError(t *testing.T) {
	rows := []struct {
		name, path, body, want string
		status                 int
	}{
		{"the list is refused", "/v1/Services", "{}", "Twilio refuses the request (403)", 403},
		{"a service is refused", "/v1/Services/MGa/PhoneNumbers/" + twiliotest.ExampleSID, "{}", "Twilio failed (500): try again in a while", 500},
		{"there are more than can be asked", "/v1/Services", `{"services":[],"meta":{"next_page_url":"https://messaging.twilio.com/v1/Services?Page=1"}}`,
			"the account has more than 50 Messaging Services, too many to ask each", 200},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := twiliotest.New(t)
			a.Services = []map[string]any{{"sid": "MGa", "senders": []string{}}}
			a.Fail = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != row.path {
					return false
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
				return true
			}
			got, err := NewAccount(twiliotest.AccountSID, twiliotest.AuthToken, a).Service(t.Context(), twiliotest.ExampleSID)
			if got != nil || err == nil || err.Error() != row.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestTheFieldsOfAServiceAreTwilios holds our few fields to twilio-go's many: Twilio's description of this API is not at
// hand.
func TestTheFieldsOfAServiceAreTwilios(t *testing.T) {
	theirs := map[string]bool{}
	for field := range reflect.TypeFor[messaging.MessagingV1Service]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		theirs[name] = true
	}
	for field := range reflect.TypeFor[service]().Fields() {
		if name := field.Tag.Get("json"); !theirs[name] {
			t.Errorf("twilio-go knows no field %q", name)
		}
	}
}
