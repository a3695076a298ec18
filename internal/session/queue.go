package session

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	maxWaiting = 4096 // messages of all conversations that wait or are in progress
	maxLine    = 64   // the same for one conversation
	maxRepeats = 64   // requests that share the outcome of another request with the same MessageSid
)

// queue processes the messages of one conversation one after the other, in the order in which they arrived. Requests
// with the same message share one outcome. Replicas do not share a queue; between replicas, the turn and
// compare-and-set decide. A conversation without a message in progress takes no memory. A queue is safe for concurrent
// use.
type queue struct {
	mu    sync.Mutex
	count int                 // the entries of all lines
	lines map[string][]*entry // by conversation; the first entry of each line is being processed
}

// entry is a message in the queue. The request that added it processes it. Other requests with the same message wait
// for its outcome.
type entry struct {
	sid     string
	rank    int           // how many entries its line has had before it since the line was last empty
	repeats int           // how many other requests with this message have arrived
	isFirst chan struct{} // closed when the entry is the first of its line; nil if it was from the beginning
	isDone  chan struct{} // closed when outcome is set; nil without repeats
	outcome *Outcome
}

func newQueue() *queue { return &queue{lines: make(map[string][]*entry)} }

// size returns the number of messages that wait or are in progress.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// do calls process when the message is the first of its conversation, and returns the outcome. If it is not the first
// at the time latest, do calls process all the same. A zero latest is no limit. process gets the rank of the message:
// how many messages its line has had before it since the line was last empty. If another request with the same message
// is in the queue, do returns the outcome of that request. If that request ends with ErrGone, do joins the queue again.
//
// The error of the outcome is ErrBusy if the queue is full, ErrGone if hangUp is closed while the request waits, and
// the error of ctx if ctx ends in the meantime.
func (q *queue) do(
	ctx context.Context, latest time.Time, hangUp <-chan struct{}, conversation, sid string,
	process func(rank int) *Outcome,
) *Outcome {
	for {
		e, isNew, err := q.join(conversation, sid)
		if err == nil && isNew {
			return q.process(ctx, latest, hangUp, conversation, e, process)
		}
		if err == nil {
			err = wait(ctx, hangUp, e.isDone)
		}
		if err != nil {
			return &Outcome{Err: err}
		}
		if !errors.Is(e.outcome.Err, ErrGone) {
			return e.outcome.forRepeat()
		}
	}
}

// join adds a request to the queue. It reports whether the request has a new entry, which it must process.
func (q *queue) join(conversation, sid string) (e *entry, isNew bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[conversation]
	if i := slices.IndexFunc(line, func(e *entry) bool { return e.sid == sid }); i >= 0 {
		e = line[i]
		if e.repeats >= maxRepeats {
			return nil, false, ErrBusy
		}
		if e.repeats++; e.isDone == nil {
			e.isDone = make(chan struct{})
		}
		return e, false, nil
	}
	if q.count >= maxWaiting || len(line) >= maxLine {
		return nil, false, ErrBusy
	}
	e = &entry{sid: sid}
	if len(line) > 0 {
		e.rank, e.isFirst = line[len(line)-1].rank+1, make(chan struct{})
	}
	q.lines[conversation] = append(line, e)
	q.count++
	return e, true, nil
}

// process processes a new entry. If process panics, the error of the outcome is a *PanicError.
func (q *queue) process(
	ctx context.Context, latest time.Time, hangUp <-chan struct{}, conversation string, e *entry,
	process func(rank int) *Outcome,
) (o *Outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = &Outcome{Err: &PanicError{p, debug.Stack()}}
		} else if o == nil { // the goroutine has ended
			o = &Outcome{Err: errPanicked}
		}
		q.leave(conversation, e, o)
	}()
	err := e.waitInLine(ctx, latest, hangUp)
	if err != nil && (errors.Is(err, ErrGone) || ctx.Err() != nil) {
		return &Outcome{Err: err}
	}
	return process(e.rank)
}

// waitInLine waits until the entry is the first of its line. The errors are those of wait, until the time latest.
func (e *entry) waitInLine(ctx context.Context, latest time.Time, hangUp <-chan struct{}) error {
	if e.isFirst == nil {
		return nil
	}
	if !latest.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, latest)
		defer cancel()
	}
	return wait(ctx, hangUp, e.isFirst)
}

// leave removes an entry from its line and publishes its outcome.
func (q *queue) leave(conversation string, e *entry, o *Outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[conversation]
	i := slices.Index(line, e)
	line = slices.Delete(line, i, i+1)
	if q.lines[conversation] = line; len(line) == 0 {
		delete(q.lines, conversation)
	} else if i == 0 {
		close(line[0].isFirst)
	}
	q.count--
	if e.outcome = o; e.isDone != nil {
		close(e.isDone)
	}
}

// isFailureOfAnother reports whether the app failed in another request with the same message.
func (o *Outcome) isFailureOfAnother() bool {
	return o.Attempts == 0 && (errors.Is(o.Err, ErrResponder) || errors.Is(o.Err, ErrWaited))
}

// forRepeat returns the outcome for another request with the same message.
func (o *Outcome) forRepeat() *Outcome {
	if _, isPanic := errors.AsType[*PanicError](o.Err); isPanic {
		return &Outcome{Err: errPanicked}
	}
	if o.Err != nil {
		return &Outcome{Err: o.Err}
	}
	return &Outcome{Reply: o.Reply, Result: Repeated, saved: o.saved}
}
