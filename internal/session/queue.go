package session

import (
	"context"
	"errors"
	"sync"
)

// ErrBusy says that too many deliveries are waiting already.
var ErrBusy = errors.New("too many messages are waiting")

// queue lets the deliveries of one conversation in one after the other, in the order in which they came. Replicas do not
// share it: between them compare-and-set decides. It holds nothing of a conversation that has no delivery under way.
type queue struct {
	limit int // deliveries inside or waiting, over all conversations

	mu    sync.Mutex
	count int
	lanes map[string]*lane
}

// lane is the queue of one conversation. Whoever has put a value into turn is inside.
type lane struct {
	turn  chan struct{}
	users int
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, lanes: make(map[string]*lane)}
}

// enter waits for the conversation's turn. It returns ErrBusy at once when the queue is full, and ctx's error when the
// turn does not come in time. Whoever enters must leave.
func (q *queue) enter(ctx context.Context, conversation string) (*lane, error) {
	l, err := q.join(conversation)
	if err != nil {
		return nil, err
	}
	select {
	case l.turn <- struct{}{}: // the usual case, and the one that needs no timer
		return l, nil
	default:
	}
	select {
	case l.turn <- struct{}{}:
		return l, nil
	case <-ctx.Done():
		q.part(conversation, l)
		return nil, ctx.Err()
	}
}

func (q *queue) leave(conversation string, l *lane) {
	<-l.turn
	q.part(conversation, l)
}

func (q *queue) join(conversation string) (*lane, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count >= q.limit {
		return nil, ErrBusy
	}
	l := q.lanes[conversation]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		q.lanes[conversation] = l
	}
	q.count++
	l.users++
	return l, nil
}

func (q *queue) part(conversation string, l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count--
	if l.users--; l.users == 0 {
		delete(q.lanes, conversation)
	}
}
