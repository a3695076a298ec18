package session

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// CookieName is the name of the cookie that carries a session's token.
const CookieName = "smsession"

// ErrNewer means that a later version of this service wrote the session. The session was not changed.
var ErrNewer = errors.New("session record is of a later version")

const (
	// maxCookieAge is the longest time that Twilio keeps a cookie.
	// See https://support.twilio.com/hc/en-us/articles/223136287-How-do-Twilio-cookies-work.
	maxCookieAge = 4 * time.Hour

	// The pause before an attempt grows from minPause to maxPause. A restart of Redis takes a second or two.
	minPause = 5 * time.Millisecond
	maxPause = 250 * time.Millisecond

	// sweepTime is how long the sweep after a failed delivery may wait for a connection.
	sweepTime = time.Second
)

// Options are what a Manager needs. All fields but Logger and MaxReplies are required.
type Options struct {
	Pool         *redis.Pool
	Connections  int // how many connections of the pool deliveries may use at the same time
	Prefix       string
	IdleTimeout  time.Duration
	Lifetime     time.Duration
	Budget       time.Duration // how long one delivery may wait for Redis
	MaxReplies   int           // how many replies a conversation may get in a minute; 0 for any number
	SecureCookie bool
	Responder    conversation.Responder
	Logger       *slog.Logger
}

// Manager finds, changes and saves sessions. It is safe for concurrent use, also if several Managers use the same
// Redis.
type Manager struct {
	scs         *scs.SessionManager
	store       *Store
	queue       *queue
	places      chan struct{}
	budget      time.Duration
	maxReplies  int
	responder   conversation.Responder
	log         *slog.Logger
	quarantined atomic.Int64
	scratches   sync.Pool      // of *scratch
	sweeps      sync.WaitGroup // the sweeps after failed deliveries
}

// New returns a Manager. It does not contact Redis.
func New(o Options) *Manager {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	store := newStore(o.Pool, Keys{Prefix: o.Prefix})
	m := &Manager{
		scs:        newSCS(o, store),
		store:      store,
		queue:      newQueue(),
		places:     make(chan struct{}, o.Connections),
		budget:     o.Budget,
		maxReplies: o.MaxReplies,
		responder:  o.Responder,
		log:        o.Logger,
	}
	m.scratches.New = func() any { return &scratch{} }
	return m
}

// newSCS configures scs. It does not call scs.New, which starts a goroutine for a store that is not used here. A
// SessionManager without the context key that scs.New generates works as long as no two SessionManagers handle the same
// request.
func newSCS(o Options, store *Store) *scs.SessionManager {
	return &scs.SessionManager{
		IdleTimeout: o.IdleTimeout,
		Lifetime:    o.Lifetime,
		Store:       store,
		Codec:       Codec{},
		// SameSite is not set: Twilio is not a browser, and its documentation does not mention the attribute.
		Cookie:    scs.SessionCookie{Name: CookieName, Path: "/", HttpOnly: true, Secure: o.SecureCookie, Persist: true},
		ErrorFunc: func(_ http.ResponseWriter, r *http.Request, err error) { deliveryFrom(r.Context()).err = err },
	}
}

// Quarantined returns the number of records that were put into quarantine since the Manager was made.
func (m *Manager) Quarantined() int64 { return m.quarantined.Load() }

// Fail answers a delivery whose session could not be loaded or saved. err is ErrBusy, ErrGone, ErrNewer, or the last
// error of Redis or the network before the budget was spent. If a request shares the outcome of another request, it
// gets the error of that request.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// MessageFrom returns the message of a request, and the Report in which the Manager records the result.
type MessageFrom func(context.Context) (conversation.Message, *Report)

// Middleware gives next the session of the request's message, and saves the session before the response of next is
// sent. next may be called several times. Only its last response is sent, with the session's cookie. next must
// therefore have no effect except through Answer. If next panics, nothing is saved.
//
// Requests that have the same message and arrive at the same time share one call of next and its outcome.
//
// A message is given up if its client hangs up before a command to save it was sent, unless another request has the
// same message. After such a command, the message is processed until it is saved or the budget ends, because a commit
// must not be interrupted.
func (m *Manager) Middleware(message MessageFrom, fail Fail) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := m.scs.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			// The writer of scs would commit at the first byte, before next has ended, so it is not used.
			next.ServeHTTP(&deliveryFrom(r.Context()).response, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			msg, report := message(r.Context())
			if report.Received.IsZero() {
				report.Received = time.Now()
			}
			o := m.handle(r, msg, report, inner)
			if o.err != nil {
				fail(w, r, o.err)
				return
			}
			o.response.copyTo(w)
		})
	}
}

// handle puts a request into the queue. It delivers the message when it is its turn, or waits for another request that
// delivers the same message.
func (m *Manager) handle(r *http.Request, msg conversation.Message, report *Report, inner http.Handler) (o outcome) {
	key, sid, deadline := m.store.keys.Conversation(msg.To, msg.From), name(msg.SID), report.Received.Add(m.budget)
	turn, has, err := m.queue.join(key, sid)
	if err != nil {
		return outcome{err: err}
	}
	if !has {
		if o, has = m.queue.follow(key, turn, deadline, r.Context().Done()); !has {
			if o.err == nil {
				report.Result = Repeated
			}
			return o
		}
	}
	o.err = errPanicked // replaced unless this function panics
	defer func() { m.queue.leave(key, turn, o) }()
	d := &delivery{
		Context: r.Context(), deadline: deadline,
		message: msg, sid: sid, to: name(msg.To), from: name(msg.From),
		key: key, cookie: cookie(r), report: report,
	}
	defer d.end()
	if err = turn.await(d, d.gone()); err == nil {
		err = m.deliver(d, r, inner)
	}
	return outcome{d.response, err}
}

// cookie returns the token in the request's cookie. It returns "" if there is no cookie, or if its value is not a
// token.
func cookie(r *http.Request) string {
	if c, err := r.Cookie(CookieName); err == nil && isToken(c.Value) {
		return c.Value
	}
	return ""
}

// deliver makes attempts until a commit succeeds, the budget is spent, or the client hangs up in time. A record of a
// later version ends it as well. No other error ends it: after a lost reply, a reset, a failover or a conflict, the
// message is counted once or not at all, and the next attempt finds out which.
func (m *Manager) deliver(d *delivery, r *http.Request, inner http.Handler) error {
	var cause error // the last error of Redis, which explains more than that the budget is spent
	for {
		d.report.Attempts++
		err := m.place(d, d.gone(), func() error { return m.attempt(d, r, inner) })
		if err == nil {
			break
		}
		if errors.Is(err, ErrGone) {
			return err
		}
		d.report.missed(err)
		if cause == nil || !errors.Is(err, context.DeadlineExceeded) {
			cause = err
		}
		if errors.Is(err, ErrNewer) || !pause(d, d.gone(), d.report.Attempts, err) {
			m.sweepLater(d)
			return d.unlessGone(cause)
		}
	}
	if d.created && d.saved != d.own {
		m.sweep(d, d.own, d.sid)
	}
	m.capCookie(d.response.header)
	return nil
}

// sweep deletes the record that a delivery made under its own token, if the delivery ended with another token. It tries
// twice. If it cannot delete the record, the record expires, and no pointer leads to it.
func (m *Manager) sweep(ctx context.Context, token, sid string) {
	for range 2 {
		if err := m.place(ctx, nil, func() error { return m.store.sweep(ctx, token, sid) }); err == nil {
			return
		}
	}
}

// sweepLater sweeps after a delivery that failed, without delaying the answer. It keeps the record if the pointer may
// lead to it: the pointer may have been set, or a late command may still set it.
func (m *Manager) sweepLater(d *delivery) {
	if !d.created || d.pointing {
		return
	}
	token, sid := d.own, d.sid
	m.sweeps.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
		defer cancel()
		m.sweep(ctx, token, sid)
	})
}

// place runs f while it has one of the places, so that a connection is free for f. If gone is closed before a place is
// free, it returns ErrGone. If ctx ends before that, it returns the error of ctx.
func (m *Manager) place(ctx context.Context, gone <-chan struct{}, f func() error) error {
	select {
	case m.places <- struct{}{}:
	default:
		select {
		case m.places <- struct{}{}:
		case <-gone:
			return ErrGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-m.places }()
	return f()
}

// attempt makes one attempt, from find to commit. The delivery has a buffer for its response only during an attempt.
func (m *Manager) attempt(d *delivery, r *http.Request, inner http.Handler) error {
	d.reset()
	d.scratch = m.scratches.Get().(*scratch)
	defer func() {
		m.scratches.Put(d.scratch)
		d.scratch = nil
	}()
	found, err := m.find(d)
	if err != nil {
		return err
	}
	d.response.header = make(http.Header, 4)
	inner.ServeHTTP(&d.response, r.WithContext(found))
	if d.err != nil {
		d.response = response{}
	}
	return d.err
}

// pause waits before the next attempt. It does not wait after the first conflicts, because the request that caused a
// conflict has already finished. Otherwise each pause is longer than the one before, up to a limit. pause reports false
// if the budget ends first, or if gone is closed.
func pause(ctx context.Context, gone <-chan struct{}, attempts int, err error) bool {
	if errors.Is(err, errConflict) && attempts < 3 {
		return ctx.Err() == nil
	}
	wait := min(minPause<<min(attempts, 10), maxPause)
	wait = wait/2 + rand.N(wait/2) // so that replicas that failed at the same time do not try again at the same time
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
		return false
	case <-ctx.Done():
		return false
	}
}

// capCookie shortens the lifetime of the cookie if Twilio would not keep the cookie as long as the session lives.
func (m *Manager) capCookie(header http.Header) {
	if m.scs.IdleTimeout <= maxCookieAge {
		return
	}
	for i, line := range header["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil && c.MaxAge > int(maxCookieAge.Seconds()) {
			c.MaxAge = int(maxCookieAge.Seconds())
			c.Expires = time.Now().Add(maxCookieAge)
			header["Set-Cookie"][i] = c.String()
		}
	}
}
