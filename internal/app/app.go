// Package app calls a team's own app, which answers the messages: an existing Twilio webhook, or an app that speaks
// JSON. It decides nothing about sessions: the state that the app gives back travels in conversation.State.Data.
package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/conversation"
	"smsession/internal/weburl"
)

// Options are what an App needs. All fields but ImportCookies and Observe are required.
type Options struct {
	URL           weburl.URL    // the app's webhook
	PublicURL     weburl.URL    // where the app believes that it is called
	Timeout       time.Duration // of all calls for one message together
	Concurrency   int           // how many messages the app may answer at once
	ImportCookies bool          // only for NewTwilio
	Registry      prometheus.Registerer
	Observe       func(Call) // gets each finished call; it must not block
}

// App is a conversation.Responder that calls an app over HTTP. It is safe for concurrent use.
type App struct{ options Options }

var _ conversation.Responder = (*App)(nil)

// NewTwilio returns an App that calls an existing Twilio webhook.
func NewTwilio(o Options) *App { return &App{options: o} }

// NewJSON returns an App that calls an app with JSON, signed as Standard Webhooks 1.0 describes.
func NewJSON(o Options, secrets [][]byte) *App { return &App{options: o} }

// SetSecrets replaces the secrets of NewJSON.
func (a *App) SetSecrets(secrets [][]byte) {}

// Close closes idle connections.
func (a *App) Close() {}

// Respond calls the app. The error is a conversation.Fault or conversation.ErrWaited.
func (a *App) Respond(
	ctx context.Context, state conversation.State, message conversation.Message,
) (conversation.State, conversation.Reply, error) {
	return state, conversation.Reply{}, conversation.ErrWaited
}

// Recall returns an empty Reply: the replies of an app cannot be derived from a number.
func (a *App) Recall(int64) conversation.Reply { return conversation.Reply{} }

// Call is one call of Respond, for somebody who looks for errors in an app. It contains what the sender and the app
// wrote, so it must not be logged.
type Call struct {
	SID, From, To string
	Attempt       int
	Before, After json.RawMessage // the state's Data
	Exchanges     []Exchange      // in order
	Reply         conversation.Reply
	Took          time.Duration
	Err           error  // nil, a conversation.Fault or conversation.ErrWaited
	Problem       string // one sentence about Err, "" if there is none
}

// Exchange is one request to the app and its answer.
type Exchange struct {
	Method, URL string
	Header      http.Header
	Body        string
	Tries       int // more than 1 if the app could not be reached at first
	Took        time.Duration

	Status       int // 0 if there was no answer
	AnswerHeader http.Header
	Answer       string
}
