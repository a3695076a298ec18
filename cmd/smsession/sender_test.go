package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// sign is Twilio's documented algorithm, written for the suite: expected values must not come from the code under test.
func sign(token, url string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(token))
	io.WriteString(mac, url)
	for _, name := range names {
		io.WriteString(mac, name+form.Get(name))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

var lastSID atomic.Int64

// newSID returns a MessageSid that no other message of the suite has.
func newSID() string {
	return fmt.Sprintf("SM%016x%016x", time.Now().UnixNano(), lastSID.Add(1))
}

// sender is one phone: a pair of numbers. It keeps the cookie only when told to.
type sender struct {
	from, to string
	client   *http.Client
}

var lastSender atomic.Int64

// newSender returns a sender that nobody has heard of.
func newSender() *sender {
	return &sender{
		from:   fmt.Sprintf("+1202%07d", 5550000+lastSender.Add(1)),
		to:     "+15005550006",
		client: &http.Client{Timeout: 15 * time.Second, Transport: newTransport()},
	}
}

// pointerKey is the key by which an operator finds the conversation.
func (s *sender) pointerKey() string { return "sms:conversation:" + s.to + ":" + s.from }

// newTransport keeps connections, but for less long than the server does, which closes one after five seconds that has
// brought nothing yet: who keeps them longer sends a message now and then on one that is just being closed.
func newTransport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 3 * time.Second}
}

// reply is what came back, as Twilio would see it.
type reply struct {
	status int
	header http.Header
	body   string
	cookie string
	closes bool // the connection is not to be used again
}

// form has the parameters of a message, in the set that Twilio sends, empty geography included.
func (s *sender) form(sid, body string) url.Values {
	return url.Values{
		"ToCountry": {"US"}, "ToState": {""}, "SmsMessageSid": {sid}, "NumMedia": {"0"}, "ToCity": {""},
		"FromZip": {"20001"}, "SmsSid": {sid}, "FromState": {"DC"}, "SmsStatus": {"received"}, "FromCity": {"WASHINGTON"},
		"Body": {body}, "FromCountry": {"US"}, "To": {s.to}, "ToZip": {""}, "NumSegments": {"1"}, "MessageSid": {sid},
		"AccountSid": {"AC00000000000000000000000000000001"}, "From": {s.from}, "ApiVersion": {"2010-04-01"},
	}
}

// send posts a message to a route of a server, with a cookie unless that is "".
func (s *sender) send(server, route, sid, cookie string) (reply, error) {
	return s.post(server, route, s.form(sid, "hello"), cookie)
}

// deliver is send where a delivery that failed is an answer like others: one with the status 0.
func (s *sender) deliver(server, route, sid, cookie string) reply {
	r, err := s.send(server, route, sid, cookie)
	if err != nil {
		return reply{body: err.Error()}
	}
	return r
}

func (s *sender) post(server, route string, form url.Values, cookie string) (reply, error) {
	return s.postSigned(server+route, sign(testToken, testPublicURL+route, form), form.Encode(), cookie)
}

func (s *sender) postSigned(url, signature, form, cookie string) (reply, error) {
	req, err := http.NewRequest("POST", url, strings.NewReader(form))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signature)
	if cookie != "" {
		req.Header.Set("Cookie", "smsession="+cookie)
	}
	return exchange(s.client, req)
}

func exchange(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: res.StatusCode, header: res.Header, body: string(body), closes: res.Close}
	for _, c := range res.Cookies() {
		if c.Name == "smsession" {
			r.cookie = c.Value
		}
	}
	return r, nil
}

// text is what the sender reads.
func (r reply) text() string {
	var doc struct {
		XMLName  xml.Name `xml:"Response"`
		Messages []string `xml:"Message"`
	}
	if r.status != http.StatusOK || xml.Unmarshal([]byte(r.body), &doc) != nil {
		return fmt.Sprintf("%d %s", r.status, r.body)
	}
	return strings.Join(doc.Messages, "\n")
}

// greeting is the tutorial's text for the n-th message.
func greeting(n int) string {
	if n == 1 {
		return "Hello, thanks for the new message."
	}
	return fmt.Sprintf("Hello, thanks for message number %d", n)
}

// number is the count that a text of the tutorial carries, 0 for any other text.
func number(text string) int {
	if text == greeting(1) {
		return 1
	}
	var n int
	if _, err := fmt.Sscanf(text, "Hello, thanks for message number %d", &n); err != nil || text != greeting(n) {
		return 0
	}
	return n
}
