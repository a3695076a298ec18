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
	// maxUnverified is the number of bytes that all unverified requests together may hold.
	maxUnverified = 32 << 20

	// usual is more than a request of Twilio's holds. Requests that hold more are closed first, because in a flood
	// the oldest request may well be a message that has not had its turn on the processor yet.
	usual = 16 << 10

	// slow is how long a request may take while all connections are in use. Head and body of a message come in a few
	// packets, and one of them may have to be sent again.
	slow = 2 * time.Second
)

// Connections are the connections of a listener, at most a fixed number of them. Each is in one of three states:
//
//   - idle: nothing of a request has come;
//   - unverified: a request has begun, and it is not known to be Twilio's, or was refused;
//   - busy: a request is answered that is known to be Twilio's.
//
// At the limit, one connection is closed for a new one: the one that has been idle longest of those that have never
// carried a signed request; else that of the oldest unverified request, if it is older than slow; else the one that has
// been idle longest. If there is none, no connection is accepted until there is one. A connection whose request has arrived
// but has not been read is not idle, where the system can tell.
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
	cut        int        // unverified connections that were closed, because of maxUnverified or because they were slow
}

func newConnections(most int, keepAlive time.Duration) *Connections {
	s := &Connections{
		max: most, keepAlive: keepAlive,
		strangers: list.New(), trusted: list.New(), unverified: list.New(), large: list.New(),
	}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// register adds the metrics of the connections to registry.
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
			Help:        "Connections that were closed to make room: idle ones, or requests that were not verified.",
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
		if !s.evict(s.strangers) && !s.evictSlow() && !s.evict(s.trusted) {
			s.wait()
		}
	}
	if s.closed {
		return nil
	}
	c := &conn{Conn: accepted, all: s, ended: make(chan struct{}), missing: 1}
	s.open++
	c.enter(s.strangers)
	return c
}

// evict closes the connection that has been idle longest. Those whose requests have come leave the list on the way.
func (s *Connections) evict(idle *list.List) bool {
	for idle.Len() > 0 {
		oldest := idle.Front().Value.(*conn)
		if unread(oldest.Conn) < oldest.missing {
			s.evicted++
			oldest.close()
			return true
		}
		oldest.begin()
	}
	return false
}

// evictSlow closes the connection of the oldest unverified request, if that is slow.
func (s *Connections) evictSlow() bool {
	oldest := s.oldest()
	if oldest == nil || time.Since(oldest.since) < slow {
		return false
	}
	s.cut++
	oldest.close()
	return true
}

// oldest returns the connection of the oldest unverified request, nil if there is none.
func (s *Connections) oldest() (oldest *conn) {
	for _, list := range [...]*list.List{s.unverified, s.large} {
		if e := list.Front(); e != nil && (oldest == nil || e.Value.(*conn).since.Before(oldest.since)) {
			oldest = e.Value.(*conn)
		}
	}
	return oldest
}

// wait waits until a connection became idle or ended, the oldest unverified request is slow, or the listener was closed.
func (s *Connections) wait() {
	if oldest := s.oldest(); oldest != nil {
		timer := time.AfterFunc(slow-time.Since(oldest.since), func() {
			s.mu.Lock() // wait has it until it waits
			defer s.mu.Unlock()
			s.changed.Signal()
		})
		defer timer.Stop()
	}
	s.changed.Wait()
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
