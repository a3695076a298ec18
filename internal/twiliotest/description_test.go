package twiliotest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// TestTheDescriptionIsHeldTo is the negative control: each row but the first must be noticed.
func TestTheDescriptionIsHeldTo(t *testing.T) {
	d := describe(t)
	if d == nil {
		return
	}
	const number = "https://api.twilio.com" + numbersPath + "/" + ExampleSID + ".json"
	rows := []struct{ name, method, url, body, want string }{
		{"a webhook is set", "POST", number, "SmsUrl=https%3A%2F%2Fexample.com&SmsMethod=POST", ""},
		{"a method that is none", "POST", number, "SmsMethod=PUT", "enum"},
		{"a field that is not there", "POST", number, "SmsURL=https%3A%2F%2Fexample.com", "no field SmsURL"},
		{"an application's SID of another kind", "POST", number, "SmsApplicationSid=PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "pattern"},
		{"a number's SID of another kind", "POST", strings.Replace(number, "PNa", "APa", 1), "SmsMethod=POST", "pattern"},
		{"a parameter that is not there", "GET", "https://api.twilio.com" + numbersPath + ".json?Phone=1", "", "no parameter Phone"},
		{"a page that is too large", "GET", "https://api.twilio.com" + numbersPath + ".json?PageSize=1001", "", "1000"},
		{"a path that is not there", "GET", "https://api.twilio.com/2010-04-01/Nothing.json", "", "no matching"},
		{"another host", "GET", "https://example.com" + numbersPath + ".json", "", "no matching"},
	}
	for _, row := range rows {
		r := httptest.NewRequest(row.method, row.url, nil)
		r.SetBasicAuth("a", "b")
		if row.body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		err := d.requestFault(r, row.body)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
		r.Header.Del("Authorization")
		if d.requestFault(r, row.body) == nil {
			t.Errorf("%s, not logged in, is let pass", row.name)
		}
	}
}

func TestAnswersAreHeldToTheDescription(t *testing.T) {
	d := describe(t)
	if d == nil {
		return
	}
	for want, number := range map[bool]map[string]any{true: Example(), false: Example("sms_method", "PUT")} {
		r := httptest.NewRequest("POST", "https://api.twilio.com"+numbersPath+"/"+ExampleSID+".json", nil)
		w := httptest.NewRecorder()
		reply(w, http.StatusOK, number)
		if err := d.answerFault(r, w); (err == nil) != want {
			t.Errorf("sms_method %v: %v", number["sms_method"], err)
		}
	}
}

func TestTheExampleIsTwilios(t *testing.T) {
	d := describe(t)
	if d == nil {
		return
	}
	list := d.document.Paths.Find("/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json").Get
	answer := list.Responses.Value("200").Value.Content.Get("application/json").Examples["readFull"].Value.Value
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Numbers []map[string]any `json:"incoming_phone_numbers"`
	}
	if err := json.Unmarshal(text, &page); err != nil || len(page.Numbers) != 1 || !reflect.DeepEqual(page.Numbers[0], Example()) {
		t.Errorf("the description's example is %s, %v", text, err)
	}
}
