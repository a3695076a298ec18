package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	maxWaiting = 4096 // messages that wait or are in progress, of all conversations
	maxLine    = 64   // and of one conversation
	maxRepeats = 64   // requests that wait for the outcome of another one with the same MessageSid
)

var (
	// ErrBusy means that too many messages are waiting: in all, of the conversation, or repeats of the message.
	ErrBusy = errors.New("too many messages are waiting")

	// ErrGone means that the client hung up while its message waited, and that nothing was sent to save the message.
	ErrGone = fmt.Errorf("client hung up: %w", context.Canceled)

	// errPanicked is the outcome for the other requests of a message when the request that answers it panics.
	errPanicked = errors.New("another request with this message failed")
)

// queue lets the messages of one conversation be answered one after the other, in the order in which they came. Requests
// that bring the same message share one turn. Replicas do not share a queue: between them compare-and-set decides. It
// holds nothing of a conversation that has no message under way. It is safe for concurrent use.
type queue struct {
	mu    sync.Mutex
	count int                // turns in all lines
	lines map[string][]*turn // by conversation; the first turn of each line is being answered
}

// turn is a message's place in the queue. One of the requests that bring the message has the turn, and the others follow
// it. Channels are made when somebody needs them.
type turn struct {
	sid      string
	requests int           // that bring the message
	first    chan struct{} // closed when the turn is the first of its line; nil if it was from the beginning
	next     chan struct{} // has a value when the turn may be taken over
	done     chan struct{} // closed when the outcome is there
	outcome  outcome
}

// outcome is the result of processing a message.
type outcome struct {
	response response
	err      error
}

func newQueue() *queue { return &queue{lines: make(map[string][]*turn)} }

// join adds a request to the queue. It reports whether the request has the turn. A request that has the turn must call
// leave; any other request must call follow. join returns ErrBusy at once if the queue is full.
func (q *queue) join(conversation, sid string) (t *turn, has bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[conversation]
	for _, t := range line {
		if t.sid == sid {
			return t, false, t.repeat()
		}
	}
	if q.count >= maxWaiting || len(line) >= maxLine {
		return nil, false, ErrBusy
	}
	t = &turn{sid: sid, requests: 1}
	if len(line) > 0 {
		t.first = make(chan struct{})
	}
	q.lines[conversation] = append(line, t)
	q.count++
	return t, true, nil
}

// repeat adds a request that follows. The caller holds the queue's lock.
func (t *turn) repeat() error {
	if t.requests > maxRepeats {
		return ErrBusy
	}
	if t.done == nil {
		t.next, t.done = make(chan struct{}, 1), make(chan struct{})
	}
	t.requests++
	return nil
}

// await waits until the turn is the first of its line. It returns ErrGone if gone is closed before that, or ctx's
// error.
func (t *turn) await(ctx context.Context, gone <-chan struct{}) error {
	if t.first == nil {
		return nil
	}
	select {
	case <-t.first:
		return nil
	default:
	}
	select {
	case <-t.first:
		return nil
	case <-gone:
		return ErrGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow waits for the outcome of a turn that another request has. If the request gets the turn instead, follow reports
// true, and the request must call leave.
func (q *queue) follow(conversation string, t *turn, deadline time.Time, gone <-chan struct{}) (outcome, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case <-t.done:
		shared := t.outcome
		shared.response.header = shared.response.header.Clone() // each request has its own
		return shared, false
	case <-t.next:
		return outcome{}, true
	case <-gone:
		err = ErrGone
	case <-timer.C:
		err = context.DeadlineExceeded
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.requests--; t.requests == 0 { // the turn was given up meanwhile, and nobody is there to take it
		q.remove(conversation, t)
	}
	return outcome{err: err}, false
}

// leave ends a turn with its outcome. If the outcome is ErrGone and another request brings the same message, that
// request gets the turn.
func (q *queue) leave(conversation string, t *turn, o outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.requests--
	if errors.Is(o.err, ErrGone) && t.requests > 0 {
		t.next <- struct{}{}
		return
	}
	q.remove(conversation, t)
	t.outcome = o
	if t.done != nil {
		close(t.done)
	}
}

// remove takes a turn out of its line, if it is still there. The caller holds the lock.
func (q *queue) remove(conversation string, t *turn) {
	line := q.lines[conversation]
	i := slices.Index(line, t)
	if i < 0 {
		return
	}
	q.count--
	if line = slices.Delete(line, i, i+1); len(line) == 0 {
		delete(q.lines, conversation)
		return
	}
	q.lines[conversation] = line
	if i == 0 {
		close(line[0].first)
	}
}
