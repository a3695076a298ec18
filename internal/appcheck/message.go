package appcheck

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"smsession/internal/app"
	"smsession/internal/phone"
	"smsession/internal/twiml"
)

// Message is one message of a scenario: what the app did, and what the sender saw.
type Message struct {
	Body     string         `json:"body"`
	Media    []phone.Media  `json:"media,omitempty"`
	Remark   string         `json:"remark,omitempty"` // what is special about the message
	Calls    []Call         `json:"calls"`            // of the app, for this message
	Seen     Seen           `json:"seen"`
	Replies  []phone.Reply  `json:"replies"`
	Millis   float64        `json:"ms"` // from the request to the whole reply
	Findings twiml.Findings `json:"findings"`

	from, to string
	delivery *phone.Delivery
	calls    []app.Call
}

// Seen is what the sender of a message saw in reply.
type Seen string

// What a sender can see.
const (
	Texts   Seen = "texts"
	Nothing Seen = "nothing"
	Apology Seen = "apology" // of the fallback URL, because the app did not answer
)

// Call is one call of the app.
type Call struct {
	Documents   int             `json:"documents"`    // how many requests it took, with redirects
	Status      int             `json:"status"`       // of the last answer; 0 if there was none
	ContentType string          `json:"content_type"` // of the last answer
	Answer      string          `json:"answer"`       // the last answer, at most 1,000 characters
	Fault       string          `json:"fault,omitempty"`
	Cookies     []Cookie        `json:"cookies,omitempty"` // that the app has set until now
	Data        json.RawMessage `json:"data,omitempty"`    // that the app gave back
	Millis      float64         `json:"ms"`
}

// Cookie is a cookie of the app, without its value.
type Cookie struct {
	Name    string `json:"name"`
	Bytes   int    `json:"bytes"`   // of the value
	Changed bool   `json:"changed"` // by this call
}

// take takes over the delivery and the calls of the message, and judges them.
func (m *Message) take(calls []app.Call, j judge) {
	d := m.delivery
	m.Body, m.Media, m.Replies, m.calls = d.Message.Body, d.Message.Media, d.Replies, calls
	m.Millis = millis(d.Took)
	for _, c := range calls {
		m.Calls = append(m.Calls, newCall(c))
		for _, f := range j.call(c) {
			if !slices.Contains(m.Findings, f) { // the fallback URL calls the app once more
				m.Findings = append(m.Findings, f)
			}
		}
	}
	isFailed := len(calls) > 0 && calls[len(calls)-1].Err != nil
	switch {
	case len(m.Replies) == 0:
		m.Seen = Nothing
	case isFailed:
		m.Seen = Apology
	default:
		m.Seen = Texts
	}
	if !hasError(m.Findings) { // otherwise the errors of the delivery follow from those of the app
		m.Findings = append(m.Findings, judgeDelivery(d)...)
	}
	isFault := func(c app.Call) bool { return c.Err != nil }
	answers := slices.DeleteFunc(slices.Clone(calls), isFault)
	switch {
	case len(answers) > 1:
		m.Findings.Fail(0, "The app was called %d times for this message, although nothing went wrong.", len(answers))
	case len(answers) == 1 && m.Body != stopWord && !hasError(m.Findings):
		m.Findings = append(m.Findings, j.arrived(answers[0], m.Replies)...)
	}
}

func millis(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

func newCall(c app.Call) Call {
	call := Call{Documents: len(c.Exchanges), Millis: millis(c.Took)}
	last := lastExchange(c)
	call.Status, call.ContentType = last.Status, last.AnswerHeader.Get("Content-Type")
	call.Answer = shortened(last.Answer, 1000)
	if c.Err != nil {
		call.Fault = c.Err.Error()
		return call
	}
	before, _ := parseState(c.Before)
	after, data := parseState(c.After)
	for _, cookie := range after {
		call.Cookies = append(call.Cookies,
			Cookie{Name: cookie.Name, Bytes: len(cookie.Value), Changed: !slices.Contains(before, cookie)})
	}
	call.Data = data
	return call
}

// storedCookie is a cookie in the state of an app with the protocol twilio.
type storedCookie struct {
	Name, Value string
}

// parseState returns the cookies, or the data, of an app's state.
func parseState(state json.RawMessage) (cookies []storedCookie, data json.RawMessage) {
	var fields struct {
		Cookies []storedCookie
		Data    json.RawMessage
	}
	_ = json.Unmarshal(state, &fields) // an empty state has no fields
	return fields.Cookies, fields.Data
}

// shortened returns the first characters of a text.
func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// wasAnswered reports whether the app answered the message without a fault.
func (m *Message) wasAnswered() bool {
	return len(m.calls) > 0 && !slices.ContainsFunc(m.calls, func(c app.Call) bool { return c.Err != nil })
}

// sees reports whether the sender of m saw the same as the sender of other.
func (m *Message) sees(other *Message) bool {
	text := func(r phone.Reply) string { return r.Body + "\n" + strings.Join(r.Media, "\n") }
	return slices.EqualFunc(m.Replies, other.Replies, func(a, b phone.Reply) bool { return text(a) == text(b) })
}

// document returns the bytes of the last answer that the phone got.
func (m *Message) document() string {
	if n := len(m.delivery.Exchanges); n > 0 {
		return m.delivery.Exchanges[n-1].ResponseBody
	}
	return ""
}
