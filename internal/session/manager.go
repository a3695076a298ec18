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

// ErrNewer says that the session was written by a later version of this service. It is left alone.
var ErrNewer = errors.New("session record is of a later version")

const (
	// maxCookieAge is what Twilio keeps a cookie at most.
	// See https://support.twilio.com/hc/en-us/articles/223136287-How-do-Twilio-cookies-work.
	maxCookieAge = 4 * time.Hour

	// The pause before an attempt grows from the first to the second. A Redis that restarts takes a second or two.
	minPause = 5 * time.Millisecond
	maxPause = 250 * time.Millisecond

	// sweepTime is how long the sweep after a failed delivery may wait for a connection.
	sweepTime = time.Second
)

// Options are what a Manager needs. All fields but Logger and MaxReplies are required.
type Options struct {
	Pool         *redis.Pool
	Connections  int // how many of the pool's connections deliveries may hold at once
	Prefix       string
	IdleTimeout  time.Duration
	Lifetime     time.Duration
	Budget       time.Duration // how long one delivery may wait for Redis
	MaxReplies   int           // how many replies a conversation may get in a minute; 0 for any number
	SecureCookie bool
	Responder    conversation.Responder
	Logger       *slog.Logger
}

// Manager finds, changes and saves sessions. It is safe for concurrent use, by any number of Managers on one Redis.
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
	sweeps      sync.WaitGroup // of deliveries that failed
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

// newSCS configures scs. It does not call scs.New, which starts a goroutine for a store that is not used here. A manager
// without the key that New makes up works as long as no two of them handle the same request.
func newSCS(o Options, store *Store) *scs.SessionManager {
	return &scs.SessionManager{
		IdleTimeout: o.IdleTimeout,
		Lifetime:    o.Lifetime,
		Store:       store,
		Codec:       Codec{},
		// No SameSite: Twilio is no browser, and documents nothing of the attribute.
		Cookie:    scs.SessionCookie{Name: CookieName, Path: "/", HttpOnly: true, Secure: o.SecureCookie, Persist: true},
		ErrorFunc: func(_ http.ResponseWriter, r *http.Request, err error) { deliveryFrom(r.Context()).err = err },
	}
}

// Quarantined is how many records could not be read since the Manager was made.
func (m *Manager) Quarantined() int64 { return m.quarantined.Load() }

// Fail answers a delivery whose session cannot be had: err is ErrBusy, ErrGone, ErrNewer, or what Redis or the network
// last said before the budget was spent. A request that shares the outcome of another one gets that one's error.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// MessageFrom returns the message that a request brings, and where to report what became of it.
type MessageFrom func(context.Context) (conversation.Message, *Report)

// Middleware gives next the session of the message that the request brings, and saves it before next's response goes
// out. next may be called several times, and only its last response is sent, with the session's cookie: it must have no
// effect but through Answer. If it panics nothing is saved.
//
// Requests that bring the same message at the same time share one call of next and its outcome.
//
// A message is given up if its client hangs up before anything was sent to save it, unless another request brings the
// same message. Once something was sent, the message is processed until it is saved or the budget ends, because a
// commit must not be interrupted.
func (m *Manager) Middleware(message MessageFrom, fail Fail) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := m.scs.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			// Not scs's writer: it would commit at the first byte, before next has come to its end.
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

// handle puts a request into the queue. It delivers the message when its turn comes, or waits for another request that
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
	o.err = errPanicked // until it returns
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

// cookie returns the request's token, "" if it has none or one that cannot be ours.
func cookie(r *http.Request) string {
	if c, err := r.Cookie(CookieName); err == nil && isToken(c.Value) {
		return c.Value
	}
	return ""
}

// deliver tries until a commit succeeds or the budget is spent. No other error ends it: a lost reply, a reset, a failover
// and a conflict all leave the message counted once or not at all, and the next attempt finds out.
func (m *Manager) deliver(d *delivery, r *http.Request, inner http.Handler) error {
	var cause error // what Redis last said, rather than that the budget is spent
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

// sweep deletes the record that a delivery made under its own token if the delivery ended with another token. It tries
// twice. A record that it cannot delete expires, and no pointer leads to it.
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

// place runs f while it holds one of the places, so that a connection is free for f. It returns ErrGone if gone is
// closed before a place is free, or ctx's error.
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

// attempt is one pass from find to commit. The delivery has a buffer for its response only during an attempt.
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

// pause waits before the next attempt: not at all after the first conflicts, since whoever was faster is done; ever longer
// otherwise. It reports false when the budget does not last that long, or gone is closed.
func pause(ctx context.Context, gone <-chan struct{}, attempts int, err error) bool {
	if errors.Is(err, errConflict) && attempts < 3 {
		return ctx.Err() == nil
	}
	wait := min(minPause<<min(attempts, 10), maxPause)
	wait = wait/2 + rand.N(wait/2) // replicas that failed together do not come back together
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

// capCookie shortens a cookie that Twilio would not keep as long as the session lives.
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
