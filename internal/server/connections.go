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
	// maxUnverified is the memory in bytes that all unverified requests together may take.
	maxUnverified = 32 << 20

	// usual is more memory in bytes than one of Twilio's requests takes. Connections of larger requests are closed
	// first, because in a flood the oldest request can be a message that still waits for the processor.
	usual = 16 << 10

	// slow is how long an unverified request may take while all connections are in use. The head and the body of a
	// message arrive in a few packets, and one of the packets may have to be sent again.
	slow = 2 * time.Second
)

// Connections are the connections of a listener. Their number is limited. Each connection is in one of three states:
//   - idle: no request has begun; a further request begins when its first four bytes have arrived;
//   - unverified: a request has begun, and its signature is not verified yet or was refused;
//   - busy: the connection carries a request with a valid signature, which is being answered.
//
// At the limit, one connection is closed to make room for a new one. The first of these that exists is closed:
//
//   - the connection that has been idle longest and has never carried a signed request;
//   - the connection of the oldest unverified request, if that request is older than slow;
//   - the connection that has been idle longest.
//
// If none exists, the listener accepts no connection until one of them does. A connection whose request has arrived but
// has not been read does not count as idle, if the operating system can report unread bytes.
//
// While the unverified requests take more than maxUnverified bytes, the connection of the oldest large request is
// closed. If no request is large, the connection of the oldest request is closed.
//
// It is safe for concurrent use.
type Connections struct {
	max       int
	keepAlive time.Duration

	mu         sync.Mutex
	changed    *sync.Cond // a connection became idle or ended, or the listener was closed
	open       int
	closed     bool
	strangers  *list.List // idle, have never carried a signed request; the connection that has been idle longest is first
	trusted    *list.List // idle, have carried a signed request; in the same order
	unverified *list.List // in the order in which the requests began
	large      *list.List // unverified and larger than usual; in the order in which the requests became large
	held       int        // the memory in bytes that the unverified requests take
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
		Help: "Memory in bytes of the requests whose signatures have not been verified yet.",
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

// configure sets the fields of srv that the connections need.
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

// add waits until there is room for a connection and adds it as an idle one. It returns nil if the listener is closed.
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

// evict closes the connection in the list idle that has been idle longest, and reports whether it closed one. If the
// request of a connection has arrived, evict moves the connection to the list of unverified requests instead.
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

// evictSlow closes the connection of the oldest unverified request if the request is slow. It reports whether it closed
// the connection.
func (s *Connections) evictSlow() bool {
	oldest := s.oldest()
	if oldest == nil || time.Since(oldest.since) < slow {
		return false
	}
	s.cut++
	oldest.close()
	return true
}

// oldest returns the connection of the oldest unverified request. It returns nil if there is no unverified request.
func (s *Connections) oldest() (oldest *conn) {
	for _, list := range [...]*list.List{s.unverified, s.large} {
		if e := list.Front(); e != nil && (oldest == nil || e.Value.(*conn).since.Before(oldest.since)) {
			oldest = e.Value.(*conn)
		}
	}
	return oldest
}

// wait waits until a connection becomes idle or ends, the oldest unverified request becomes slow, or the listener is
// closed.
func (s *Connections) wait() {
	if oldest := s.oldest(); oldest != nil {
		timer := time.AfterFunc(slow-time.Since(oldest.since), func() {
			s.mu.Lock() // changed.Wait unlocks the mutex, so the signal cannot be lost
			defer s.mu.Unlock()
			s.changed.Signal()
		})
		defer timer.Stop()
	}
	s.changed.Wait()
}

// shut closes the connections that have not been handed over, and the idle ones that have never carried a signed
// request. It then wakes the goroutine that waits in add.
func (s *Connections) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.strangers.Len() > 0 {
		s.strangers.Front().Value.(*conn).close()
	}
	s.changed.Broadcast()
}
