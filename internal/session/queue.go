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
	maxWaiting = 4096 // messages of all conversations that wait or are in progress
	maxLine    = 64   // the same for one conversation
	maxRepeats = 64   // requests that wait for the outcome of another request with the same MessageSid
)

var (
	// ErrBusy means that too many messages are waiting in all or in the conversation, or too many repeats of the
	// message.
	ErrBusy = errors.New("too many messages are waiting")

	// ErrGone means that the client hung up while its message waited, and that nothing was sent to save the message.
	ErrGone = fmt.Errorf("client hung up: %w", context.Canceled)

	// errPanicked is the outcome for the other requests of a message when the request that answers it panics.
	errPanicked = errors.New("another request with this message failed")
)

// queue answers the messages of one conversation one after the other, in the order in which they arrived. Requests with
// the same message share one turn. Replicas do not share a queue; between replicas, compare-and-set decides. A
// conversation without a message in progress takes no memory. It is safe for concurrent use.
type queue struct {
	mu    sync.Mutex
	count int                // turns in all lines
	lines map[string][]*turn // by conversation; the first turn of each line is being answered
}

// turn is a message's place in the queue. One of the requests with the message has the turn, and the other requests
// follow it. A channel is made only when a request needs it.
type turn struct {
	sid      string
	requests int           // the number of requests with the message
	first    chan struct{} // closed when the turn is the first of its line; nil if it was the first from the beginning
	next     chan struct{} // contains a value when a following request may take the turn
	done     chan struct{} // closed when outcome is set
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

// repeat adds a request that follows the turn. It returns ErrBusy if too many requests follow it. The caller must have
// locked the queue.
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

// await waits until the turn is the first of its line. If gone is closed earlier, it returns ErrGone. If ctx ends
// earlier, it returns the error of ctx.
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
// true, and the request must call leave. If gone is closed or the deadline passes, the outcome contains the error.
func (q *queue) follow(conversation string, t *turn, deadline time.Time, gone <-chan struct{}) (outcome, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case <-t.done:
		shared := t.outcome
		shared.response.header = shared.response.header.Clone() // each request needs its own header
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
	if t.requests--; t.requests == 0 { // the turn was given up in the meantime, and no request is left to take it
		q.remove(conversation, t)
	}
	return outcome{err: err}, false
}

// leave ends a turn with its outcome. If the outcome is ErrGone and another request has the same message, that request
// gets the turn.
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

// remove removes a turn from its line if the line still contains it. The caller must have locked the queue.
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
