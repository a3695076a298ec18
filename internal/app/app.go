// Package app calls a team's own app, which answers the messages: an existing Twilio webhook, or an app that speaks
// JSON. It decides nothing about sessions: the state that the app gives back travels in conversation.State.Data.
package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

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
type App struct {
	options  Options
	slots    *semaphore.Weighted
	pool     *pool
	protocol protocol
	metrics  *metrics
}

var _ conversation.Responder = (*App)(nil)

// protocol is how an app is asked about one message.
type protocol interface {
	// respond returns the state and the reply as conversation.Responder does, but it does not count the message.
	respond(context.Context, *client, conversation.State, conversation.Message) (
		conversation.State, conversation.Reply, *failure)
}

// NewTwilio returns an App that calls an existing Twilio webhook.
func NewTwilio(o Options) *App {
	return newApp(o, &webhook{site: newSite(o), importsCookies: o.ImportCookies})
}

func newApp(o Options, p protocol) *App {
	return &App{
		options:  o,
		slots:    semaphore.NewWeighted(int64(o.Concurrency)),
		pool:     newPool(o.URL),
		protocol: p,
		metrics:  newMetrics(o.Registry, o.Concurrency),
	}
}

// Close closes idle connections. Connections in use are closed when they have been idle for a second.
func (a *App) Close() { a.pool.close() }

// Respond calls the app. The error is a conversation.Failure with one of Faults, or conversation.ErrWaited if the app
// was not called, because less than a quarter of Options.Timeout was left until ctx ends. If ctx is cancelled during
// the call, the fault is Timeout or Unreachable.
func (a *App) Respond(
	ctx context.Context, state conversation.State, message conversation.Message,
) (conversation.State, conversation.Reply, error) {
	if !a.enter(ctx) {
		a.metrics.waited.Inc()
		a.observe(&client{begun: time.Now()}, message, state, result{state: state, err: conversation.ErrWaited,
			failure: failure{problem: "The app was not called, because too little time was left for its answer."}})
		return state, conversation.Reply{}, conversation.ErrWaited
	}
	defer a.slots.Release(1)
	a.metrics.inFlight.Inc()
	defer a.metrics.inFlight.Dec()
	c := &client{pool: a.pool, retries: a.metrics.retries, begun: time.Now(), isObserved: a.options.Observe != nil}
	ctx, cancel := context.WithDeadline(ctx, c.begun.Add(a.options.Timeout)) // or earlier
	defer cancel()

	after, reply, failed := a.protocol.respond(ctx, c, state, message)
	a.metrics.count(failed, time.Since(c.begun))
	if failed != nil {
		a.observe(c, message, state, result{state, reply, failed.fault, *failed})
		return state, conversation.Reply{}, conversation.Failure{Fault: failed.fault, Status: c.status}
	}
	after.Counter++
	a.observe(c, message, state, result{state: after, reply: reply})
	return after, reply, nil
}

// enter waits for a slot. It reports whether it has got one in time.
func (a *App) enter(ctx context.Context) bool {
	end, hasEnd := ctx.Deadline()
	if !hasEnd {
		end = time.Now().Add(a.options.Timeout)
	}
	last := end.Add(-a.options.Timeout / 4)
	if !time.Now().Before(last) {
		return false
	}
	if a.slots.TryAcquire(1) {
		return true
	}
	ctx, cancel := context.WithDeadline(ctx, last)
	defer cancel()
	return a.slots.Acquire(ctx, 1) == nil
}

// Recall returns an empty Reply: the replies of an app cannot be derived from a number.
func (a *App) Recall(int64) conversation.Reply { return conversation.Reply{} }
