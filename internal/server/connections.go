package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// maxUnverified is how many bytes requests may hold that are not verified yet, all together.
	maxUnverified = 32 << 20

	// usual is more than a request of Twilio's holds. Requests that hold more are closed first, because in a flood
	// the oldest request may well be a message that has not had its turn on the processor yet.
	usual = 16 << 10
)

// Connections are the connections of a listener, at most a fixed number of them. Each is in one of three states:
//
//   - idle: nothing of a request has come;
//   - unverified: a request has begun, and it is not known to be Twilio's;
//   - busy: a request is answered that is known to be Twilio's, or was refused.
//
// At the limit, the connection that has been idle longest is closed for a new one; connections that have never carried
// a signed request are closed first. If none is idle, no connection is accepted until one ends. A connection whose request
// has begun is not closed for a new one. One whose request is still in the system's buffers can be closed.
//
// While unverified requests hold more than maxUnverified bytes, the connection of the oldest large one is closed; if
// none is large, that of the oldest.
//
// It is safe for concurrent use.
type Connections struct {
	max       int
	keepAlive time.Duration

	mu         sync.Mutex
	changed    *sync.Cond // a connection became idle or ended, or the listener was closed
	open       int
	closed     bool
	strangers  *list.List // idle, never signed; the one that has been idle longest is first
	trusted    *list.List // idle, have carried a signed request; in the same order
	unverified *list.List // in the order in which the requests began
	large      *list.List // unverified, too, and hold more than usual; in the order in which they came to do so
	held       int        // bytes that the unverified requests hold
	evicted    int        // idle connections that were closed at the limit
	cut        int        // connections that were closed because of maxUnverified
}

func newConnections(most int, keepAlive time.Duration) *Connections {
	s := &Connections{
		max: most, keepAlive: keepAlive,
		strangers: list.New(), trusted: list.New(), unverified: list.New(), large: list.New(),
	}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// register shows the connections in /metrics.
func (s *Connections) register(registry prometheus.Registerer) {
	auto := promauto.With(registry)
	value := func(read func() int) func() float64 {
		return func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(read())
		}
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_connections",
		Help: "Open connections of the public listener.",
	}, value(func() int { return s.open }))
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_connections_max",
		Help: "Connections that the public listener may have (MAX_CONNECTIONS).",
	}, value(func() int { return s.max }))
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_unverified_bytes",
		Help: "Memory that requests hold whose signature has not been verified yet.",
	}, value(func() int { return s.held }))
	evicted := func(reason string, read func() int) {
		auto.NewCounterFunc(prometheus.CounterOpts{
			Name:        "smsession_connections_evicted_total",
			Help:        "Connections that were closed to make room: idle ones at the limit, or the oldest unverified request.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, value(read))
	}
	evicted("idle", func() int { return s.evicted })
	evicted("unverified", func() int { return s.cut })
}

// configure lets srv serve the connections.
func (s *Connections) configure(srv *http.Server) {
	srv.IdleTimeout = s.keepAlive
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			c.(*conn).idle()
		}
	}
}

// add waits until there is room for a connection, and makes it idle. It returns nil when the listener is closed.
func (s *Connections) add(accepted net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open >= s.max && !s.closed {
		if !s.evict(s.strangers) && !s.evict(s.trusted) {
			s.changed.Wait()
		}
	}
	if s.closed {
		return nil
	}
	c := &conn{Conn: accepted, all: s, ended: make(chan struct{})}
	s.open++
	c.enter(s.strangers)
	return c
}

// evict closes the connection that has been idle longest.
func (s *Connections) evict(idle *list.List) bool {
	oldest := idle.Front()
	if oldest == nil {
		return false
	}
	s.evicted++
	oldest.Value.(*conn).close()
	return true
}

// shut closes the connections that have not been handed over, and the other idle strangers.
func (s *Connections) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.strangers.Len() > 0 {
		s.strangers.Front().Value.(*conn).close()
	}
	s.changed.Broadcast()
}
