package node

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxBatches is the number of batches that a link writes without having received their replies. If Redis or the network
// is slower, the commands gather in fewer, larger batches.
const maxBatches = 64

var errClosed = errors.New("the connection to Redis was closed by this replica")

// link is a wire that many Conns share. The commands that gather at the same time are written together, because a write
// and a read cost more than most commands, both here and at Redis. Redis replies in the order of the commands.
//
// A call stays in the order until its replies have arrived or the wire fails. Therefore no reply can reach another
// call. Commands that block the server, or that change the state of the connection, must not be sent over a link.
type link struct {
	*wire
	wake     chan struct{}             // has an element if write has to run
	sent     chan []*call              // the batches whose replies have not arrived, in their order
	lastUsed atomic.Pointer[time.Time] // when the last batch has ended; at first, when the link was made

	users int     // how many Conns are not closed; node.mu guards it
	free  []*Conn // for reuse; node.mu guards it

	mu       sync.Mutex // also guards sending on the wire
	queue    []*call    // not yet written
	isClosed bool
}

// call is a pipeline of one Conn. The Conn waits for done before it uses the call again.
type call struct {
	commands []Command
	replies  []Reply
	began    time.Time
	done     chan struct{}
}

// newLink returns a link, which ends when its last user leaves.
func newLink(w *wire) *link {
	w.socket.isShared = true
	l := &link{wire: w, wake: make(chan struct{}, 1), sent: make(chan []*call, maxBatches)}
	now := time.Now()
	l.lastUsed.Store(&now)
	go l.write()
	go l.read()
	return l
}

// join returns a Conn over the link. The caller must hold node.mu.
func (l *link) join() *Conn {
	l.users++
	c := &call{done: make(chan struct{}, 1)}
	return &Conn{wire: l.wire, link: l, Pipeline: Pipeline{Run: func(commands []Command) []Reply {
		replies := make([]Reply, len(commands))
		c.commands, c.replies, c.began = commands, replies, time.Now()
		l.enqueue(c)
		<-c.done
		c.commands, c.replies = nil, nil // they can be large
		return replies
	}}}
}

// enqueue encodes the commands of a call for the next batch.
func (l *link) enqueue(c *call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed {
		for i := range c.replies {
			c.replies[i].Err = errClosed
		}
		c.done <- struct{}{}
		return
	}
	l.send(c.commands)
	if l.queue = append(l.queue, c); len(l.queue) == 1 {
		l.wake <- struct{}{} // write has emptied both the queue and the channel
	}
}

// write writes the commands that have gathered, one batch after the other.
func (l *link) write() {
	defer close(l.sent)
	var spare []byte
	for range l.wake {
		runtime.Gosched() // the messages that can run now join the batch
		l.mu.Lock()
		_ = l.raw.Flush() // receive returns its error
		batch, bytes := l.queue, l.socket.take(spare)
		l.queue = make([]*call, 0, cap(batch))
		l.mu.Unlock()
		spare = l.socket.send(bytes)
		l.sent <- batch
	}
}

// read receives the replies of the batches that were written. If the wire fails, every call gets the error. read also
// observes the round trips, because one goroutine counts much faster than many on several processors.
func (l *link) read() {
	for batch := range l.sent {
		for _, c := range batch {
			l.receiveAll(c.commands, c.replies)
			l.node.observe(c.began)
			c.done <- struct{}{}
		}
		now := time.Now()
		l.lastUsed.Store(&now)
	}
}

// reuse is like join. If a Conn is free, it returns that one.
func (l *link) reuse() *Conn {
	last := len(l.free) - 1
	if last < 0 {
		return l.join()
	}
	l.users++
	c := l.free[last]
	l.free = l.free[:last]
	return c
}

// isFresh reports whether the pool would hand out a Conn that was last used when the link was.
func (l *link) isFresh(now time.Time) bool {
	lastUsed := *l.lastUsed.Load()
	return now.Sub(lastUsed) <= idleTimeout && l.isReusable(lastUsed, now)
}

// leave removes a user. The last one closes the wire. No call is under way then, because each call has a user. free is
// the Conn of a lease, which another user may get; otherwise nil.
func (l *link) leave(free *Conn) error {
	l.node.mu.Lock()
	if l.users--; free != nil {
		l.free = append(l.free, free)
		l.node.inUse--
	}
	isLast := l.users == 0
	l.node.mu.Unlock()
	if !isLast {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isClosed = true
	close(l.wake)
	return l.raw.Close()
}
