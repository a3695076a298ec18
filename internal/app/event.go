package app

import (
	"maps"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
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
		all := valuesOf(m.Webhook.Form)
		e.Message.Media = media(all)
		maps.DeleteFunc(all, func(name, _ string) bool { return isLeftOut(name) })
		e.Message.Parameters = all
	}
	// The sender's bytes need not be UTF-8. Invalid ones become U+FFFD.
	body, err := jsonv2.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // every field can be written as JSON
	}
	return body
}

// valuesOf returns the value of each parameter, the first one in sorted order if there are several.
func valuesOf(form conversation.Form) map[string]string {
	values := make(map[string]string, 32) // enough for the usual message
	for name, value := range form.All() {
		if _, has := values[name]; !has {
			values[name] = value
		}
	}
	return values
}

// media returns the media of a message, in order. It returns no more than there are, whatever NumMedia is.
func media(parameters map[string]string) []eventMedia {
	n, _ := strconv.Atoi(parameters["NumMedia"])
	var all []eventMedia
	for i := range n {
		number := strconv.Itoa(i)
		url, has := parameters["MediaUrl"+number]
		if !has {
			break
		}
		all = append(all, eventMedia{url, parameters["MediaContentType"+number]})
	}
	return all
}

// isLeftOut reports whether an event has no parameter of this name, because the event shows it elsewhere, or because
// only a request to a fallback URL has it.
func isLeftOut(name string) bool {
	switch name {
	case "MessageSid", "SmsMessageSid", "SmsSid", "From", "To", "Body", "NumMedia":
		return true
	}
	return isOfFallback(name) || strings.HasPrefix(name, "MediaUrl") || strings.HasPrefix(name, "MediaContentType")
}
