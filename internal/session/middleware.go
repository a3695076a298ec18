package session

import (
	"context"
	"net/http"
	"strings"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// maxCookieAge is the longest time that Twilio keeps a cookie.
// See https://support.twilio.com/hc/en-us/articles/223136287-How-do-Twilio-cookies-work.
const maxCookieAge = 4 * time.Hour

// Incoming is a verified message. Its SID, From, To and Received are required.
type Incoming struct {
	conversation.Message
	Ends     bool      // the message ends the conversation; it is counted, but it is not answered
	IsSilent bool      // the message is counted, but it is not answered, because Twilio has already answered it
	IsLast   bool      // Twilio does not deliver the message to another URL if this delivery fails
	Received time.Time // when the request arrived; the budget begins at this time
}

// Result is what a message did to its conversation. The log and the metrics use these words.
type Result string

const (
	Begun     Result = "begun"     // the first message of a conversation
	Continued Result = "continued" // a later message
	Repeated  Result = "repeated"  // a message that had been counted before
	Ended     Result = "ended"     // the message that ended the conversation
	Guarded   Result = "guarded"   // a message that got no reply because of MaxReplies
)

// Outcome is the result of processing a message. It never changes after it was made.
type Outcome struct {
	Reply  conversation.Reply
	Result Result // "" if Err is set
	Err    error  // why there is no reply

	Attempts     int       // 0 if the message was not admitted to the queue, waited too long, or shares an outcome
	Conflicts    int       // the attempts that failed because another request was faster
	FirstFailure time.Time // when the first attempt failed; zero if none did

	Calls    Calls         // the calls of the responder
	TurnWait time.Duration // how long the message waited for its turn; 0 without Options.CallTimeout

	saved
}

// Calls are the calls of Responder.Respond for one delivery. They are only measured with Options.CallTimeout.
type Calls struct {
	Count int
	Took  time.Duration // all calls together
	Err   error         // of the last call; the message may have an outcome without Err all the same, if it was STOP
}

// delivered is the message of a request and its outcome. It never changes after it was made.
type delivered struct {
	in      *Incoming
	outcome *Outcome
}

type deliveredKey struct{}

// IncomingFrom returns the message of a request, in the handlers that Middleware calls. It returns the zero Incoming if
// there is none.
func IncomingFrom(ctx context.Context) Incoming {
	if d, found := ctx.Value(deliveredKey{}).(delivered); found {
		return *d.in
	}
	return Incoming{}
}

// OutcomeFrom returns the outcome of the request's message, in the handlers that Middleware calls. It returns the zero
// Outcome if there is none.
func OutcomeFrom(ctx context.Context) Outcome {
	if d, found := ctx.Value(deliveredKey{}).(delivered); found {
		return *d.outcome
	}
	return Outcome{}
}

// Admit returns the verified message of a request. It returns nil if it has answered the request itself.
type Admit func(http.ResponseWriter, *http.Request) *Incoming

// Middleware delivers the message of a request. It saves the session, sets its cookie, and then calls next. If the
// message failed, it calls failed instead and sets no cookie. Both handlers get the message from IncomingFrom, and the
// outcome from OutcomeFrom. If the responder panics, nothing is saved, and the error of the outcome is a *PanicError.
//
// The cookie only makes the search for the session faster. If it is missing, malformed, expired, unknown or of another
// conversation, Middleware finds the session by the addresses of the message. If there is none, a new session begins. A
// malformed cookie is not sent to Redis.
//
// Requests that have the same message and arrive at the same time share one outcome. A message is given up if its
// client hangs up before a command to save it was sent, unless another request has the same message. After the first
// command, the message is processed until it is saved or the budget ends.
//
// The handler is safe for concurrent use.
func (m *Manager) Middleware(admit Admit, failed http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in := admit(w, r)
			if in == nil {
				return
			}
			o := m.enqueue(r.Context(), *in, cookie(r))
			r = r.WithContext(context.WithValue(r.Context(), deliveredKey{}, delivered{in, o}))
			if o.Err != nil {
				failed(w, r)
				return
			}
			m.writeCookie(w, r, o)
			next.ServeHTTP(w, r)
		})
	}
}

// cookie returns the token in the request's cookie. It returns "" if there is no cookie, or if its value is not a
// token.
func cookie(r *http.Request) string {
	// Twilio sends no other cookie, and net/http takes several times as long.
	if all := r.Header["Cookie"]; len(all) == 1 {
		if value, found := strings.CutPrefix(all[0], CookieName+"="); found && record.IsToken(value) {
			return value
		}
	}
	if c, err := r.Cookie(CookieName); err == nil && record.IsToken(c.Value) {
		return c.Value
	}
	return ""
}

// writeCookie sets the cookie for as long as the session lives, and no longer than Twilio keeps it. scs rounds up to
// the next second.
func (m *Manager) writeCookie(w http.ResponseWriter, r *http.Request, o *Outcome) {
	expiry := o.expiry
	if latest := time.Now().Add(maxCookieAge - time.Millisecond); expiry.After(latest) {
		expiry = latest
	}
	m.scs.WriteSessionCookie(r.Context(), w, o.token, expiry)
}

// enqueue delivers a message when it is the first of its conversation, or waits for the outcome of another request that
// has the same message. A message that can no longer be answered by an app does not wait any longer: deliver then finds
// out whether it was counted, and ends its session if it is STOP. The last delivery of a message does not share the
// failure of an earlier one: the app is called once more. ctx is the context of the request.
//
// Thousands of messages may wait, each with a stack of its own. Therefore large values are passed as pointers to values
// that never change.
func (m *Manager) enqueue(ctx context.Context, in Incoming, cookie string) *Outcome {
	hangUp := ctx.Done()
	// The budget does not have the values of the request, because scs would search all of them for its own.
	ctx = m.budget(in.Received.Add(m.options.Budget))
	d := &delivery{Incoming: in, cookie: cookie, pointerKey: m.keys.Conversation(in.To, in.From)}
	var latest time.Time
	if m.options.CallTimeout > 0 {
		latest = m.lastCall(ctx)
	}
	process := func(rank int) *Outcome {
		if m.options.CallTimeout == 0 {
			return m.deliver(ctx, hangUp, d)
		}
		return m.deliverInTurn(ctx, hangUp, d, rank)
	}
	o := m.queue.do(ctx, latest, hangUp, d.pointerKey, d.SID, process)
	if d.IsLast && o.isFailureOfAnother() && m.options.CallTimeout > 0 {
		o = m.queue.do(ctx, latest, hangUp, d.pointerKey, d.SID, process)
	}
	return o
}
