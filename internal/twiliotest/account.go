// Package twiliotest is a small stand-in for Twilio's REST API: one account with its phone numbers and Messaging
// Services. It is an http.RoundTripper, so that nothing leaves the process, and it serves other hosts too, such as the
// one that a webhook points to. Where Twilio's own description of the API is beside the repository, every request and
// every answer is held to it. It is imported by tests only and is no part of the program.
package twiliotest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The account of the examples in Twilio's description, and a token that is as long as Twilio's.
const (
	AccountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	AuthToken  = "0123456789abcdef0123456789abcdef"
)

const (
	apiHost       = "api.twilio.com"
	messagingHost = "messaging.twilio.com"
	numbersPath   = "/2010-04-01/Accounts/" + AccountSID + "/IncomingPhoneNumbers"
)

// Account is the stand-in. Its fields are set before the first request; its methods are safe for concurrent use.
type Account struct {
	// Numbers are the account's, as Example returns them.
	Numbers []map[string]any
	// Services are the account's Messaging Services, as Twilio's JSON has them; "senders" holds the SIDs of its numbers
	// and is not shown.
	Services []map[string]any
	// Hosts answer for other hosts than Twilio's. A host that is in neither place cannot be reached.
	Hosts map[string]http.Handler
	// Fail answers requests to Twilio first; false leaves them to the account.
	Fail func(http.ResponseWriter, *http.Request) bool

	tb          testing.TB
	description *description // nil if it is not there

	mu    sync.Mutex
	calls []string
}

// New returns an account with these numbers.
func New(tb testing.TB, numbers ...map[string]any) *Account {
	tb.Helper()
	return &Account{Numbers: numbers, Hosts: map[string]http.Handler{}, tb: tb, description: describe(tb)}
}

// Calls are the requests to Twilio so far, as METHOD path?query body, the account's SID left out.
func (a *Account) Calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// RoundTrip answers as the host of the request would.
func (a *Account) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	switch host := a.Hosts[r.URL.Host]; {
	case r.URL.Scheme == "https" && (r.URL.Host == apiHost || r.URL.Host == messagingHost):
		a.twilio(answer, r)
	case host != nil:
		host.ServeHTTP(answer, r.Clone(r.Context()))
	default:
		return nil, fmt.Errorf("dial tcp: lookup %s: no such host", r.URL.Hostname())
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response := answer.Result()
	response.Request = r
	return response, nil
}

func (a *Account) twilio(w *httptest.ResponseRecorder, r *http.Request) {
	body := ""
	if r.Body != nil {
		bytes, err := io.ReadAll(r.Body)
		if err != nil {
			a.tb.Errorf("twiliotest: %v", err)
		}
		body = string(bytes)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	call := fmt.Sprint(r.Method, " ", strings.ReplaceAll(r.URL.RequestURI(), AccountSID, "AC"), " ", body)
	a.calls = append(a.calls, strings.TrimSpace(call))
	if a.Fail != nil && a.Fail(w, r) {
		return
	}
	if sid, token, ok := r.BasicAuth(); !ok || sid != AccountSID || token != AuthToken {
		refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	if r.URL.Host == messagingHost {
		a.messaging(w, r)
		return
	}
	a.description.request(a.tb, r, body)
	a.numbers(w, r, body)
	a.description.answer(a.tb, r, w)
}

// numbers is the resource IncomingPhoneNumbers.
func (a *Account) numbers(w http.ResponseWriter, r *http.Request, body string) {
	sid, one := strings.CutPrefix(r.URL.Path, numbersPath+"/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == numbersPath+".json":
		a.list(w, r)
	case r.Method == http.MethodPost && one:
		a.update(w, strings.TrimSuffix(sid, ".json"), body)
	default:
		refuse(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
	}
}

// list filters as Twilio documents it: a part of a number finds it, too. It has pages of one number, so that whoever
// reads no further than the first is found out.
func (a *Account) list(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	for _, n := range a.Numbers {
		if strings.Contains(n["phone_number"].(string), r.URL.Query().Get("PhoneNumber")) {
			found = append(found, n)
		}
	}
	page := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("Page"), &page)
	at := func(page int) string {
		query := r.URL.Query()
		query.Set("Page", fmt.Sprint(page))
		return r.URL.Path + "?" + query.Encode()
	}
	answer := map[string]any{
		"end": page, "start": page, "page": page, "page_size": 1,
		"uri": at(page), "first_page_uri": at(0), "next_page_uri": nil, "previous_page_uri": nil,
		"incoming_phone_numbers": found[min(page, len(found)):min(page+1, len(found))],
	}
	if page+1 < len(found) {
		answer["next_page_uri"] = at(page + 1)
	}
	reply(w, http.StatusOK, answer)
}

// update sets the webhook. Twilio takes no http URL of this host (error 21402).
func (a *Account) update(w http.ResponseWriter, sid, body string) {
	form, err := url.ParseQuery(body)
	i := slices.IndexFunc(a.Numbers, func(n map[string]any) bool { return n["sid"] == sid })
	switch {
	case err != nil || i < 0:
		refuse(w, http.StatusNotFound, 20404, "The requested resource was not found")
		return
	case strings.HasPrefix(form.Get("SmsUrl"), "http://localhost"):
		refuse(w, http.StatusBadRequest, 21402, "SmsUrl is not valid: "+form.Get("SmsUrl"))
		return
	}
	for parameter, field := range map[string]string{
		"SmsUrl": "sms_url", "SmsMethod": "sms_method",
		"SmsFallbackUrl": "sms_fallback_url", "SmsFallbackMethod": "sms_fallback_method",
	} {
		if form.Has(parameter) {
			a.Numbers[i][field] = form.Get(parameter)
		}
	}
	reply(w, http.StatusOK, a.Numbers[i])
}

// messaging is the list of services, and the senders of each.
func (a *Account) messaging(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/Services" {
		shown := []map[string]any{}
		for _, s := range a.Services {
			s = maps.Clone(s)
			delete(s, "senders")
			shown = append(shown, s)
		}
		reply(w, http.StatusOK, map[string]any{"services": shown, "meta": map[string]any{"key": "services", "next_page_url": nil}})
		return
	}
	for _, s := range a.Services {
		for _, sender := range s["senders"].([]string) {
			if r.URL.Path == fmt.Sprintf("/v1/Services/%s/PhoneNumbers/%s", s["sid"], sender) {
				reply(w, http.StatusOK, map[string]any{"sid": sender, "service_sid": s["sid"]})
				return
			}
		}
	}
	refuse(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
}

// refuse answers as Twilio does: https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions.
func refuse(w http.ResponseWriter, status, code int, message string) {
	reply(w, status, map[string]any{
		"status": status, "code": code, "message": message,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	})
}

// Refuse is a Fail that answers everything with a status and an error of Twilio's.
func Refuse(status, code int, message string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, status, code, message)
		return true
	}
}

func reply(w http.ResponseWriter, status int, answer map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}
