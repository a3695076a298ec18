// Package conversation is the domain of the service: messages, the state of a conversation, replies, and the responder
// that turns a state and a message into a state and a reply. It does not depend on HTTP, Twilio or Redis.
package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Message is one incoming message.
type Message struct {
	SID  string // Twilio's MessageSid, which is the same each time the message is delivered
	From string
	To   string
	Body string

	// Attempt is 1 when Respond is called for the first time for one delivery of the message, and one more each time it
	// is called again for this delivery.
	Attempt int

	// Webhook is the request that delivered the message. It is nil unless the responder calls an app.
	Webhook *Webhook
}

// Webhook is a request of Twilio, for a responder that passes it on. It must not be changed.
type Webhook struct {
	Form   Form                // the parameters
	Query  string              // the query of the request's URL with its question mark, or ""
	Header map[string][]string // by canonical name
	Token  string              // the auth token with which the request was signed
}

// Form is the parameters of a request. It never changes.
type Form interface {
	// Encoded returns the body that the request had.
	Encoded() string

	// All returns the names and values, sorted.
	All() iter.Seq2[string, string]

	// AppendSigned appends the text that Twilio signs for the parameters.
	AppendSigned(dst []byte) []byte
}

// AttemptHeader is in every request to an app that is a webhook. A request of Twilio with this header comes from a
// service that calls itself as its app.
const AttemptHeader = "Smsession-Attempt"

// State is the part of a conversation that is kept from one message to the next. The zero State is that of a
// conversation that has not begun.
type State struct {
	// Counter is the number of messages that were answered since the conversation began.
	Counter int64

	// Began is when the conversation began, and Written is when it was last changed. Began is zero before its first
	// message. Written is then when an earlier conversation of the same addresses was ended, or zero if there is no
	// record of one. The session sets them: a change by the responder has no effect.
	Began, Written time.Time

	// Data belongs to the responder. It is one JSON value of at most 32 KiB, or empty. It is dropped when the
	// conversation ends.
	Data json.RawMessage

	// HasEnded is set by the responder to end the conversation with its reply. The next message begins a new one.
	HasEnded bool
}

// Reply is the reply to a message: texts, or one finished TwiML document. The zero Reply sends nothing.
type Reply struct {
	Texts []string // in order; each one is a message of its own
	TwiML string   // a whole document, which is sent unchanged; if it is set, Texts is not used
}

// Text returns a Reply that consists of one text.
func Text(text string) Reply { return Reply{Texts: []string{text}} }

// IsEmpty reports whether the reply sends nothing.
func (r Reply) IsEmpty() bool { return r.TwiML == "" && len(r.Texts) == 0 }

// Equal reports whether two replies are the same.
func (r Reply) Equal(other Reply) bool {
	return r.TwiML == other.TwiML && slices.Equal(r.Texts, other.Texts)
}

// Fault is why an app did not answer a message: one fixed word, which logs and metrics contain. It never contains
// anything that the app or the sender wrote.
type Fault string

// Error returns the word.
func (f Fault) Error() string { return string(f) }

// Failure is the error of a responder whose app did not answer a message as it should. It wraps the Fault. It contains
// nothing that the app or the sender wrote, except for a number.
type Failure struct {
	Fault  Fault
	Status int // the HTTP status of the app's answer to the last request for the message, or 0 if there was none
}

// Error returns a fixed text with the status and the fault.
func (f Failure) Error() string {
	if f.Status == 0 {
		return "the app did not answer (" + string(f.Fault) + ")"
	}
	return "the app answered " + strconv.Itoa(f.Status) + " (" + string(f.Fault) + ")"
}

// Unwrap returns the fault.
func (f Failure) Unwrap() error { return f.Fault }

// ErrWaited is the error of a responder that did not call its app, because too little time was left for the answer.
var ErrWaited = errors.New("the app could not be called in time")

// Responder answers messages. It is safe for concurrent use.
type Responder interface {
	// Respond answers a message and returns the state after it. If it returns an error, nothing is saved and the sender
	// gets no reply of the conversation. ctx ends when the message can no longer be answered in time.
	//
	// Respond is called again for the same message if another replica changed the conversation first, or if the session
	// could not be saved. Only the last result counts. Respond must not change the bytes of the state's Data.
	Respond(ctx context.Context, state State, message Message) (State, Reply, error)

	// Recall returns the reply to the message after which the counter had the given number. It returns an empty Reply
	// if the number is not enough to derive the reply. A reply of Respond that Recall does not return is stored in the
	// session. The counter is 0 after a message that ended the conversation.
	Recall(counter int64) Reply
}

// Counter is the conversation of Twilio's tutorial, with exactly its texts.
//
// See https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
type Counter struct{}

var _ Responder = Counter{}

// Respond counts the message. It never fails.
func (c Counter) Respond(_ context.Context, s State, _ Message) (State, Reply, error) {
	s.Counter++
	return s, c.Recall(s.Counter), nil
}

// Recall returns the greeting for the first message and a numbered text for each later message.
func (Counter) Recall(counter int64) Reply {
	switch {
	case counter < 1:
		return Reply{}
	case counter == 1:
		return Text("Hello, thanks for the new message.")
	default:
		return Text("Hello, thanks for message number " + strconv.FormatInt(counter, 10))
	}
}
