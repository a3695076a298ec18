package app

import (
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

// event is the body of a request.
type event struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"`
	Message   eventMessage `json:"message"`
	Session   eventSession `json:"session"`
	Attempt   int          `json:"attempt"`
}

type eventMessage struct {
	SID        string            `json:"sid"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Body       string            `json:"body"`
	Media      []eventMedia      `json:"media"`
	Parameters map[string]string `json:"parameters"` // Twilio's other parameters
}

type eventMedia struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

type eventSession struct {
	Count   int64          `json:"count"`   // the messages that were answered before this one
	Began   *time.Time     `json:"began"`   // null for the first message
	Written *time.Time     `json:"written"` // null for the first message
	Data    jsontext.Value `json:"data"`
}

// newEvent returns the body of the request about a message.
func newEvent(state conversation.State, m conversation.Message, now time.Time) []byte {
	e := event{
		Type:      "message.received",
		Timestamp: now.UTC().Truncate(time.Millisecond),
		Message:   eventMessage{SID: m.SID, From: m.From, To: m.To, Body: m.Body},
		Session:   eventSession{Count: state.Counter, Data: unwrap(state.Data)},
		Attempt:   m.Attempt,
	}
	if !state.Began.IsZero() {
		e.Session.Began, e.Session.Written = &state.Began, &state.Written
	}
	if m.Webhook != nil {
		form, _ := parameters(m.Webhook.Form)
		e.Message.Media, e.Message.Parameters = media(form), otherParameters(form)
	}
	// The sender's bytes need not be UTF-8. Invalid ones become U+FFFD.
	body, err := jsonv2.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // every field can be written as JSON
	}
	return body
}

// media returns the media of a message, in order. It returns no more than the form has, whatever its NumMedia is.
func media(form twilio.Form) []eventMedia {
	n, _ := strconv.Atoi(form.Get("NumMedia"))
	var all []eventMedia
	for i := range n {
		number := strconv.Itoa(i)
		if !form.Has("MediaUrl" + number) {
			break
		}
		all = append(all, eventMedia{form.Get("MediaUrl" + number), form.Get("MediaContentType" + number)})
	}
	return all
}

// otherParameters returns the parameters that the event does not show elsewhere.
func otherParameters(form twilio.Form) map[string]string {
	all := map[string]string{}
	for name := range form.All() {
		switch {
		case strings.HasPrefix(name, "MediaUrl"), strings.HasPrefix(name, "MediaContentType"):
		default:
			all[name] = form.Get(name)
		}
	}
	for _, name := range []string{"MessageSid", "SmsMessageSid", "SmsSid", "From", "To", "Body", "NumMedia"} {
		delete(all, name)
	}
	return all
}
