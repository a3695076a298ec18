package webhooktest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The settings of a replica under test, and the number that its senders write to.
const (
	PublicURL  = "https://sms.example.com"
	AuthToken  = "b3f1c0de5ca1ab1e0ddba11f00dfaced"
	AccountSID = "AC0123456789abcdef0123456789abcdef"
	To         = "+15005550006"
)

// counter makes SIDs and numbers unique within a test binary.
var counter atomic.Int64

// NewSID returns a MessageSid that is unique, also between runs that share a Redis.
func NewSID() string {
	return fmt.Sprintf("SM%016x%016x", time.Now().UnixNano(), counter.Add(1))
}

// NewNumber returns a phone number that no other sender of the test binary has.
func NewNumber() string {
	return fmt.Sprintf("+1202%07d", 5550000+counter.Add(1))
}

// Sender is a person who sends messages, with Twilio in between. It does not keep cookies: each call gets its cookie as
// an argument. A Sender is safe for concurrent use while its fields do not change.
type Sender struct {
	From, To   string
	AccountSID string
	AuthToken  string       // signs the requests
	PublicURL  string       // the URL that is signed, without the route
	Client     *http.Client // sends the requests
}

// NewSender returns a sender with a new number. Its connections are closed when the test ends.
func NewSender(tb testing.TB) *Sender {
	// The server closes a connection that was opened but not used within 5 s. The client must drop it earlier.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 3 * time.Second}
	tb.Cleanup(transport.CloseIdleConnections)
	return &Sender{
		From: NewNumber(), To: To, AccountSID: AccountSID, AuthToken: AuthToken, PublicURL: PublicURL,
		Client: &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

// PointerKey returns the key in Redis that leads to the sender's session, with the default prefix.
func (s *Sender) PointerKey() string { return "sms:conversation:" + s.To + ":" + s.From }

// Form returns the parameters of a message, as captured from Twilio.
func (s *Sender) Form(sid, body string) url.Values {
	return url.Values{
		"ToCountry": {"US"}, "ToState": {""}, "SmsMessageSid": {sid}, "NumMedia": {"0"}, "ToCity": {""},
		"FromZip": {"20001"}, "SmsSid": {sid}, "FromState": {"DC"}, "SmsStatus": {"received"}, "FromCity": {"WASHINGTON"},
		"Body": {body}, "FromCountry": {"US"}, "To": {s.To}, "ToZip": {""}, "NumSegments": {"1"}, "MessageSid": {sid},
		"AccountSid": {s.AccountSID}, "From": {s.From}, "ApiVersion": {"2010-04-01"},
	}
}

// Request returns the signed request that posts form to server+route. The signature covers PublicURL+route. An empty
// cookie is not sent. A test may change the request before it sends it with Do or Serve.
func (s *Sender) Request(server, route string, form url.Values, cookie string) *http.Request {
	r, err := http.NewRequest("POST", server+route, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err) // the test passed a server that is not a URL
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("X-Twilio-Signature", Sign(s.AuthToken, s.PublicURL+route, form))
	if cookie != "" {
		r.Header.Set("Cookie", "smsession="+cookie)
	}
	return r
}

// Do sends a request and reads the reply. The error is that of the connection.
func (s *Sender) Do(r *http.Request) (Reply, error) {
	res, err := s.Client.Do(r)
	if err != nil {
		return Reply{}, err
	}
	return read(res)
}

// Send posts the message "hello" with the given MessageSid.
func (s *Sender) Send(server, route, sid, cookie string) (Reply, error) {
	return s.Do(s.Request(server, route, s.Form(sid, "hello"), cookie))
}

// Serve calls a handler with a request, without a connection.
func Serve(h http.Handler, r *http.Request) Reply {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	reply, _ := read(w.Result()) // reading from memory does not fail
	return reply
}

// Reply is the webhook's reply to a message.
type Reply struct {
	Status  int
	Header  http.Header
	Body    string
	Cookie  string         // the token of the session, "" if the reply sets none
	Cookies []*http.Cookie // all cookies that the reply sets
	Closes  bool           // the server closes the connection after the reply
}

func read(res *http.Response) (Reply, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	r := Reply{Status: res.StatusCode, Header: res.Header, Body: string(body), Cookies: res.Cookies(),
		Closes: res.Close}
	for _, c := range r.Cookies {
		if c.Name == "smsession" {
			r.Cookie = c.Value
		}
	}
	return r, err
}

// Texts returns the messages of the reply. It returns an error if the reply is not 200 with TwiML.
func (r Reply) Texts() ([]string, error) {
	var doc struct {
		XMLName  xml.Name `xml:"Response"`
		Messages []string `xml:"Message"`
	}
	if err := xml.Unmarshal([]byte(r.Body), &doc); err != nil || r.Status != http.StatusOK {
		return nil, fmt.Errorf("the reply is not TwiML: %d %q", r.Status, r.Body)
	}
	return doc.Messages, nil
}

// Text returns the messages of the reply, one per line. If the reply is not TwiML, it returns the status and the body.
func (r Reply) Text() string {
	texts, err := r.Texts()
	if err != nil {
		return fmt.Sprintf("%d %s", r.Status, r.Body)
	}
	return strings.Join(texts, "\n")
}
