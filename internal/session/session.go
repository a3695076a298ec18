// Package session keeps SMS conversations in Redis, shared by any number of replicas. Every message changes its
// conversation exactly once.
//
// Every message goes through the same steps. Middleware waits until the message is the first of its conversation in the
// queue. deliver then makes attempts, and each attempt has three steps: find reads a snapshot of the session,
// respond computes the record after the message, and commit saves this record if no other request has changed the
// session in the meantime. An attempt that fails leaves nothing behind in this process.
//
// The package is not a general session library: one session is one conversation. It is built on scs, which makes the
// tokens, applies the time-outs and writes the cookie, and on its redisstore, which reads the records. redisstore does
// nothing else here, because it saves and deletes without a comparison, and lists with KEYS.
package session

import (
	"context"
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

	// ErrWaited means that the message did not get its turn in time to call the app. Nothing was saved, but a session
	// was ended if the message ends it.
	ErrWaited = conversation.ErrWaited

	// ErrResponder means that the responder failed. Nothing was saved, but a session was ended if the message ends it.
	ErrResponder = errors.New("responder failed")

	errPanicked = errors.New("another request with this message failed")
)

// PanicError is the error of a message during which the responder or this package panicked. If the responder did,
// nothing was saved. The text of the error does not contain the value, which may contain what the sender wrote.
type PanicError struct {
	Value any
	Stack []byte // as debug.Stack returns it
}

func (*PanicError) Error() string { return "panic" }

// Pool is a pool of connections to Redis. It must be safe for concurrent use.
type Pool interface {
	GetContext(context.Context) (redis.Conn, error)
}

// Options are what a Manager needs. All fields but Logger, MaxReplies, IsCluster and CallTimeout are
// required.
type Options struct {
	// SCS is the result of scs.New. New changes only a copy, so Managers can share it. Each call of scs.New starts a
	// goroutine that never ends, for a store that is not used here, so a process should call it only once.
	SCS *scs.SessionManager

	Pool         Pool
	Connections  int // how many connections of the pool messages may use at the same time
	Prefix       string
	IdleTimeout  time.Duration
	Lifetime     time.Duration
	Budget       time.Duration // how long one message may take, counted from Incoming.Received
	MaxReplies   int           // how many replies a conversation may get in a minute; 0 for any number
	SecureCookie bool
	IsCluster    bool // Pool is that of a Cluster
	Responder    conversation.Responder

	// CallTimeout is how long Responder may take to call an app. If it is not 0, the messages of a conversation take
	// turns across replicas, and no call begins with less than a quarter of CallTimeout left.
	CallTimeout time.Duration

	Logger *slog.Logger
}

// Manager finds, changes and saves sessions. It is safe for concurrent use. Several Managers may use the same Redis.
type Manager struct {
	options     Options
	scs         *scs.SessionManager
	keys        record.Keys
	budget      func(end time.Time) context.Context
	queue       *queue
	slots       slots // one for each connection that messages may use
	cache       *cache
	quarantined atomic.Int64
	background  sync.WaitGroup // the sweeps, renewals and releases in the background

	renewalInterval time.Duration // of turns
}

// New returns a Manager. It does not contact Redis.
func New(o Options) *Manager {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	sessions := *o.SCS // commit sets the Store and the Codec
	sessions.IdleTimeout, sessions.Lifetime = o.IdleTimeout, o.Lifetime
	// SameSite is not set: Twilio is not a browser, and its documentation does not mention the attribute.
	sessions.Cookie = scs.SessionCookie{
		Name: CookieName, Path: "/", HttpOnly: true, Secure: o.SecureCookie, Persist: true,
	}
	return &Manager{
		options: o,
		scs:     &sessions,
		keys:    record.Keys{Prefix: o.Prefix},
		budget:  newBudgets(),
		queue:   newQueue(),
		slots:   newSlots(o.Connections),
		cache:   newCache(),

		renewalInterval: renewalInterval,
	}
}

// Quarantined returns the number of records that were moved to quarantine since the Manager was made.
func (m *Manager) Quarantined() int64 { return m.quarantined.Load() }

// InProgress returns the number of messages that wait or are being answered. A repeat that waits for the outcome of
// another request does not count.
func (m *Manager) InProgress() int { return m.queue.size() }
