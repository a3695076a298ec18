// Package twiliotest is a small stand-in for Twilio's REST API: one account with its phone numbers and Messaging
// Services. It is an http.RoundTripper, so nothing leaves the process. It also serves other hosts, such as the one that
// a webhook points to. If Twilio's own description of the API is next to the repository, every request and every
// response is checked against it. Only tests import this package.
package twiliotest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The account of the examples in Twilio's description, and a token that is as long as Twilio's.
const (
	AccountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	AuthToken  = "0123456789abcdef0123456789abcdef"
)

const numbersPath = "/2010-04-01/Accounts/" + AccountSID + "/IncomingPhoneNumbers"

// Account is the stand-in. Set its fields before the first request. Its methods are safe for concurrent use.
type Account struct {
	// Numbers are the account's phone numbers, as Example returns them.
	Numbers []map[string]any
	// Services are the account's Messaging Services, in Twilio's JSON.
	Services []map[string]any
	// Senders has the SIDs of each service's numbers, by the SID of the service.
	Senders map[string][]string
	// Hosts are the hosts other than Twilio's. Any other host is unreachable.
	Hosts map[string]http.Handler
	// Intercept gets each request to Twilio first. If it returns false, the account responds.
	Intercept func(http.ResponseWriter, *http.Request) bool

	tb          testing.TB
	description *description // nil if there is none
	api         *http.ServeMux

	mu       sync.Mutex
	requests []string
}

// New returns an account that has the numbers.
func New(tb testing.TB, numbers ...map[string]any) *Account {
	tb.Helper()
	a := &Account{Numbers: numbers, Hosts: map[string]http.Handler{}, tb: tb, description: describe(tb),
		api: http.NewServeMux()}
	const services = "messaging.twilio.com/v1/Services"
	a.api.HandleFunc("/", notFound)
	a.api.HandleFunc("GET api.twilio.com"+numbersPath+".json", a.listNumbers)
	a.api.HandleFunc("POST api.twilio.com"+numbersPath+"/{sid}", a.updateNumber)
	a.api.HandleFunc("GET "+services, a.listServices)
	a.api.HandleFunc("GET "+services+"/{service}/PhoneNumbers/{number}", a.fetchSender)
	return a
}

// Requests returns the requests to Twilio so far, each as METHOD path?query body. The account's SID is written as AC.
func (a *Account) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

// RoundTrip responds as the host of the request would.
func (a *Account) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	switch host := a.Hosts[r.URL.Host]; {
	case r.URL.Scheme == "https" && strings.HasSuffix(r.URL.Host, ".twilio.com"):
		a.serve(recorder, r.Clone(r.Context()))
	case host != nil:
		host.ServeHTTP(recorder, r.Clone(r.Context()))
	default:
		return nil, fmt.Errorf("dial tcp: lookup %s: no such host", r.URL.Hostname())
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

// serve responds as Twilio would. It checks everything but the errors against the description.
func (a *Account) serve(w *httptest.ResponseRecorder, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // it is in memory
	a.mu.Lock()
	defer a.mu.Unlock()
	uri := strings.ReplaceAll(r.URL.RequestURI(), AccountSID, "AC")
	a.requests = append(a.requests, strings.TrimSpace(r.Method+" "+uri+" "+string(body)))
	if a.Intercept != nil && a.Intercept(w, r) {
		return
	}
	if sid, token, ok := r.BasicAuth(); !ok || sid != AccountSID || token != AuthToken {
		Reject(http.StatusUnauthorized, 20003, "Authenticate")(w, r)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	a.api.ServeHTTP(w, r)
	if r.URL.Host != "api.twilio.com" {
		return // the description is of this host's API only
	}
	if err := a.description.check(r, string(body), w); err != nil {
		a.tb.Errorf("twiliotest: Twilio's description does not have %s %s: %v", r.Method, r.URL.Path, err)
	}
}

// listNumbers filters as Twilio documents it: a number is also found by a part of it. Each page has one number, so that
// a client that reads only the first page fails.
func (a *Account) listNumbers(w http.ResponseWriter, r *http.Request) {
	found := slices.DeleteFunc(append([]map[string]any{}, a.Numbers...), func(n map[string]any) bool {
		return !strings.Contains(n["phone_number"].(string), r.FormValue("PhoneNumber"))
	})
	page, _ := strconv.Atoi(r.FormValue("Page"))
	response := map[string]any{"page": page,
		"incoming_phone_numbers": found[min(page, len(found)):min(page+1, len(found))]}
	if page+1 < len(found) {
		query := r.URL.Query()
		query.Set("Page", strconv.Itoa(page+1))
		response["next_page_uri"] = r.URL.Path + "?" + query.Encode()
	}
	respond(w, http.StatusOK, response)
}

// updateNumber sets the webhook. Like Twilio, it rejects an http URL of this host (error 21402).
func (a *Account) updateNumber(w http.ResponseWriter, r *http.Request) {
	sid := strings.TrimSuffix(r.PathValue("sid"), ".json")
	i := slices.IndexFunc(a.Numbers, func(n map[string]any) bool { return n["sid"] == sid })
	if i < 0 {
		notFound(w, r)
		return
	}
	if url := r.PostFormValue("SmsUrl"); strings.HasPrefix(url, "http://localhost") {
		Reject(http.StatusBadRequest, 21402, "SmsUrl is not valid: "+url)(w, r)
		return
	}
	for parameter, field := range map[string]string{
		"SmsUrl": "sms_url", "SmsMethod": "sms_method",
		"SmsFallbackUrl": "sms_fallback_url", "SmsFallbackMethod": "sms_fallback_method",
	} {
		if r.PostForm.Has(parameter) {
			a.Numbers[i][field] = r.PostForm.Get(parameter)
		}
	}
	respond(w, http.StatusOK, a.Numbers[i])
}

func (a *Account) listServices(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{"services": a.Services, "meta": map[string]any{"next_page_url": nil}})
}

func (a *Account) fetchSender(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(a.Senders[r.PathValue("service")], r.PathValue("number")) {
		notFound(w, r)
		return
	}
	respond(w, http.StatusOK, map[string]any{"sid": r.PathValue("number")})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	Reject(http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")(w, r)
}

// Reject returns an Intercept that responds to everything with an error of Twilio's.
//
// See https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions.
func Reject(status, code int, message string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		respond(w, status, map[string]any{"status": status, "code": code, "message": message})
		return true
	}
}

func respond(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
