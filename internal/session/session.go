// Package session keeps SMS conversations in Redis, shared by any number of replicas. Every message changes its
// conversation exactly once.
//
// A message takes one way through the package. Middleware waits for the message's place in the queue. deliver then makes
// attempts, and each attempt has three steps: find reads a snapshot of the session, turn computes the record after the
// message, and commit saves this record if nobody else was faster. An attempt that fails leaves nothing behind in this
// process.
//
// The package is not a general session library: one session is one conversation. It is built on scs, which makes the
// tokens, applies the time-outs and writes the cookie, and on its redisstore, which reads the records.
package session

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// CookieName is the name of the cookie that contains a session's token.
const CookieName = "smsession"

// The errors of a message. Any other error of an Outcome is the last error of Redis or of the network.
var (
	// ErrBusy means that too many messages are waiting: in all, in the conversation, or with the same MessageSid.
	ErrBusy = errors.New("too many messages are waiting")

	// ErrGone means that the client hung up while its message waited, and that nothing was sent to save the message.
	ErrGone = errors.New("client hung up")

	// ErrNewer means that a later version of this service wrote the session. The session was not changed.
	ErrNewer = record.ErrNewer

	// ErrResponder means that the responder failed. Nothing was saved.
	ErrResponder = errors.New("responder failed")

	errPanicked = errors.New("another request with this message failed")
)

// Options are what a Manager needs. All fields but Logger and MaxReplies are required.
type Options struct {
	// SCS was made by scs.New. New copies it before it changes it, so Managers can share one. Each call of scs.New starts
	// a goroutine that never ends, for a store that is not used here, so a process should call it only once.
	SCS *scs.SessionManager

	Pool         *redis.Pool
	Connections  int // how many connections of the pool messages may use at the same time
	Prefix       string
	IdleTimeout  time.Duration
	Lifetime     time.Duration
	Budget       time.Duration // how long one message may wait
	MaxReplies   int           // how many replies a conversation may get in a minute; 0 for any number
	SecureCookie bool
	Responder    conversation.Responder
	Logger       *slog.Logger
}

// Manager finds, changes and saves sessions. It is safe for concurrent use. Several Managers may use the same Redis.
type Manager struct {
	options     Options
	scs         *scs.SessionManager
	store       *store
	queue       *queue
	quarantined atomic.Int64
	sweeps      sync.WaitGroup // the sweeps in the background
}

// New returns a Manager. It does not contact Redis.
func New(o Options) *Manager {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	sessions := *o.SCS // commit sets the Store and the Codec
	sessions.IdleTimeout, sessions.Lifetime = o.IdleTimeout, o.Lifetime
	// SameSite is not set: Twilio is not a browser, and its documentation does not mention the attribute.
	sessions.Cookie = scs.SessionCookie{Name: CookieName, Path: "/", HttpOnly: true, Secure: o.SecureCookie, Persist: true}
	return &Manager{
		options: o,
		scs:     &sessions,
		store:   newStore(o.Pool, o.Connections, record.Keys{Prefix: o.Prefix}),
		queue:   newQueue(),
	}
}

// Quarantined returns the number of records that were moved to quarantine since the Manager was made.
func (m *Manager) Quarantined() int64 { return m.quarantined.Load() }

// InProgress returns the number of messages that wait or are being answered. A repeat that waits for the outcome of
// another request does not count.
func (m *Manager) InProgress() int { return m.queue.size() }
