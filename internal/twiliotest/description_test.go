package twiliotest

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

const (
	listURL   = "https://api.twilio.com" + numbersPath + ".json"
	numberURL = "https://api.twilio.com" + numbersPath + "/" + ExampleSID + ".json"
)

// loaded returns the description. The test does nothing without it.
func loaded(t *testing.T) *description {
	t.Helper()
	d := describe(t)
	if d == nil {
		t.Skip("the description is not here")
	}
	return d
}

// TestCheckRequest is the negative control of the stand-in: each row but the first must be noticed.
func TestCheckRequest(t *testing.T) {
	d := loaded(t)
	for _, row := range []struct{ name, method, url, body, want string }{
		{"a webhook that is set is allowed", "POST", numberURL, "SmsUrl=https%3A%2F%2Fexample.com&SmsMethod=POST", ""},
		{"a method that Twilio does not call with is noticed", "POST", numberURL, "SmsMethod=PUT", "enum"},
		{"a misspelt field is noticed", "POST", numberURL, "SmsURL=https%3A%2F%2Fexample.com", "no field SmsURL"},
		{"another kind of SID for the application is noticed", "POST", numberURL, "SmsApplicationSid=PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "pattern"},
		{"another kind of SID for the number is noticed", "POST", strings.Replace(numberURL, "PNa", "APa", 1), "SmsMethod=POST", "pattern"},
		{"a misspelt parameter is noticed", "GET", listURL + "?Phone=1", "", "no parameter Phone"},
		{"a page that is too large is noticed", "GET", listURL + "?PageSize=1001", "", "1000"},
		{"an unknown path is noticed", "GET", "https://api.twilio.com/2010-04-01/Nothing.json", "", "no matching"},
		{"another host is noticed", "GET", "https://example.com" + numbersPath + ".json", "", "no matching"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, row.url, nil)
			r.SetBasicAuth("a", "b")
			if row.body != "" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			rejected := &httptest.ResponseRecorder{Code: 400} // so that only the request is checked
			err := d.check(r, row.body, rejected)
			if row.want == "" && err != nil || row.want != "" && (err == nil ||
				!strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			r.Header.Del("Authorization")
			if d.check(r, row.body, rejected) == nil {
				t.Error("without a login, it is allowed")
			}
		})
	}
}

func TestCheckResponse(t *testing.T) {
	d := loaded(t)
	for want, number := range map[string]map[string]any{"": Example(), "enum": Example("sms_method", "PUT")} {
		r := httptest.NewRequest("POST", numberURL, nil)
		r.SetBasicAuth("a", "b")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		respond(w, 200, number)
		err := d.check(r, "SmsMethod=POST", w)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("sms_method %v: %v", number["sms_method"], err)
		}
	}
}

func TestExampleIsTwilios(t *testing.T) {
	list := loaded(t).document.Paths.Find("/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json").Get
	example := list.Responses.Value("200").Value.Content.Get("application/json").Examples["readFull"].Value.Value
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Numbers []map[string]any `json:"incoming_phone_numbers"`
	}
	if err := json.Unmarshal(text, &page); err != nil || len(page.Numbers) != 1 ||
		!reflect.DeepEqual(page.Numbers[0], Example()) {
		t.Errorf("the description's example is %s, %v", text, err)
	}
}
