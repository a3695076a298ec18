package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/conversation"
)

// Call is one call of Respond, for somebody who looks for errors in an app. It contains what the sender and the app
// wrote, so it must not be logged.
type Call struct {
	SID, From, To string
	Attempt       int
	Before, After json.RawMessage // the state's Data
	HasEnded      bool            // the app ended the conversation with its answer, so After is not kept
	Exchanges     []Exchange      // in order
	Reply         conversation.Reply
	Took          time.Duration // without the wait for a slot
	Err           error         // nil, a conversation.Failure or conversation.ErrWaited
	Problem       string        // sentences about Err, "" if it is nil
	Code          int           // Twilio's number for an error of the last document, or 0
}

// Exchange is one request to the app and its answer.
type Exchange struct {
	Method, URL string      // where the request was sent, without user and password
	Header      http.Header // with Host
	Body        string
	Tries       int // more than 1 if the app could not be reached at first
	Took        time.Duration

	Status       int // 0 if there was no answer
	AnswerHeader http.Header
	Answer       string // cut off after one byte more than the limit
}

// result is how a call ended.
type result struct {
	state   conversation.State
	reply   conversation.Reply
	err     error // as in Call
	failure failure
}

// observe passes a call to the observer, if there is one.
func (a *App) observe(c *client, m conversation.Message, before conversation.State, r result) {
	if a.options.Observe == nil {
		return
	}
	a.options.Observe(Call{
		SID: m.SID, From: m.From, To: m.To, Attempt: m.Attempt, Before: before.Data, After: r.state.Data,
		HasEnded: r.state.HasEnded, Exchanges: c.exchanges, Reply: r.reply, Took: time.Since(c.begun),
		Err: r.err, Problem: r.failure.problem, Code: r.failure.code,
	})
}

// client sends the requests for one message. It is not safe for concurrent use.
type client struct {
	pool    *pool
	retries prometheus.Counter
	begun   time.Time
	status  int // of the answer to the last request, or 0 if there was none

	isObserved bool
	exchanges  []Exchange // only if isObserved
}

// send sends a request and reads an answer of at most limit bytes, and one more byte if it is larger.
func (c *client) send(ctx context.Context, r *http.Request, body string, limit int) (answer, *failure) {
	begun := time.Now()
	res, tries, failed := c.roundTrip(ctx, r, body, limit)
	c.status = res.status
	if c.isObserved {
		header := r.Header.Clone()
		header.Set("Host", r.Host)
		if header.Get("Authorization") != "" {
			header.Set("Authorization", "Basic •••")
		}
		c.exchanges = append(c.exchanges, Exchange{
			Method: r.Method, URL: r.URL.String(), Header: header, Body: body,
			Tries: tries, Took: time.Since(begun),
			Status: res.status, AnswerHeader: res.header, Answer: string(res.body),
		})
	}
	return res, failed
}
