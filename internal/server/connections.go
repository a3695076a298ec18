package server

import (
	"bytes"
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

	// perLine is what a header line costs beyond its bytes: a slot in a map, a slice and two strings.
	perLine = 128

	// usual is more than a request of Twilio's holds. Requests that hold more are closed first, because in a flood
	// the oldest request may well be a message that has not had its turn on the processor yet.
	usual = 16 << 10

	// enoughToBegin is how many bytes net/http waits for, within the idle time-out, before it reads a further request.
	enoughToBegin = 4
)

// Connections are the connections of a listener, at most a fixed number of them. Each is in one of three states:
//
//   - idle: nothing of a request has come;
//   - unverified: a request has begun, and it is not known to be Twilio's;
//   - busy: a request is answered that is known to be Twilio's, or was refused.
//
// At the limit, the connection that has been idle longest is closed for a new one; connections that have never carried
// a signed request are closed first. If none is idle, no connection is accepted until one ends. A connection is not closed
// once we have read a byte of its request. One whose request is still in the system's buffers can be closed.
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

// conn is one of the Connections. Its methods do nothing on nil: a request without a listener, in a test.
type conn struct {
	net.Conn
	all     *Connections
	first   [1]byte // what arrived before the connection was handed over
	pending bool    // first has not been read; only the reading goroutine touches it
	ended   chan struct{}

	// Under the mutex of all:
	state  *list.List // that it is in; nil while busy
	place  *list.Element
	signed bool // it has carried a signed request
	inHead bool // the head of the request is still being read
	begun  int  // bytes that have come since it became idle
	held   int  // bytes that its unverified request holds
	closed bool
}

type connKey struct{}

// connFrom returns the connection of a request, nil if it is not one of the Connections.
func connFrom(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
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

// idle says that a request was answered, and that the connection waits for another.
func (c *conn) idle() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return
	}
	c.release()
	c.begun = 0
	state := c.all.strangers
	if c.signed {
		state = c.all.trusted
	}
	c.enter(state)
	c.all.changed.Signal()
}

// Read notes that a request begins, and how much its head holds.
func (c *conn) Read(b []byte) (int, error) {
	if c.pending && len(b) > 0 {
		c.pending = false
		return copy(b, c.first[:]), nil
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.received(b[:n])
	}
	return n, err
}

// arrived says that the first byte is there. It reports false if the connection was closed meanwhile.
func (c *conn) arrived() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return false
	}
	c.pending = true
	c.begin()
	return true
}

func (c *conn) received(b []byte) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.isIdle() {
		if c.begun += len(b); c.begun < enoughToBegin {
			return
		}
		c.begin()
	}
	if c.inHead {
		c.setHeld(c.held + len(b) + perLine*bytes.Count(b, []byte("\n")))
	}
}

// headRead says that the request's head has been read. It was in net/http's buffer if the request was sent together with
// the one before it; the connection then still counts as idle.
func (c *conn) headRead() {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.isIdle() {
		c.begin()
	}
	c.inHead = false
}

// hold says that the request's body has grown by so many bytes.
func (c *conn) hold(more int) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != nil { // it has not been closed
		c.setHeld(c.held + more)
	}
}

// checked says that the request is not unverified any more: it is signed, or it was refused.
func (c *conn) checked(signed bool) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.release()
	c.signed = c.signed || signed
}

// done returns a channel that is closed when the connection is, by us. It never is for nil.
func (c *conn) done() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.ended
}

// Close closes the connection. It may be called more than once.
func (c *conn) Close() error {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.close()
}

// CloseWrite lets a client read an answer before it notices that the rest of its request is not read.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// What follows needs the mutex of all.

func (c *conn) isIdle() bool { return c.state == c.all.strangers || c.state == c.all.trusted }

func (c *conn) begin() {
	c.enter(c.all.unverified)
	c.inHead = true
}

// enter moves the connection to the end of a list.
func (c *conn) enter(state *list.List) {
	c.leave()
	c.state, c.place = state, state.PushBack(c)
}

// leave makes the connection busy.
func (c *conn) leave() {
	if c.state != nil {
		c.state.Remove(c.place)
	}
	c.state, c.place = nil, nil
}

// setHeld closes the connections of the oldest requests if all together hold too much. This one can be among them.
func (c *conn) setHeld(n int) {
	c.all.held += n - c.held
	c.held = n
	if c.state == c.all.unverified && n > usual {
		c.enter(c.all.large)
	}
	for c.all.held > maxUnverified {
		oldest := c.all.large.Front()
		if oldest == nil {
			oldest = c.all.unverified.Front()
		}
		c.all.cut++
		oldest.Value.(*conn).close()
	}
}

// release says that the request is not unverified any more.
func (c *conn) release() {
	c.leave()
	c.inHead = false
	c.setHeld(0)
}

// close is under the mutex so that a request that begins is either noted before or cannot begin.
func (c *conn) close() error {
	if c.closed {
		return nil
	}
	c.release()
	c.closed = true
	close(c.ended)
	c.all.open--
	c.all.changed.Signal()
	return c.Conn.Close()
}
