package logging

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// delay is how long a line may wait for more lines. Writing each line on its own would cost a tenth of the CPU time of
	// a message.
	delay = 50 * time.Millisecond

	// capacity is how many bytes of lines may wait for the reader. Lines that do not fit are dropped.
	capacity = 1 << 20
)

// queue collects lines and writes them to out in a goroutine of its own.
type queue struct {
	out     io.Writer
	notice  func(lines int64) []byte // returns the line that reports dropped lines
	filled  chan struct{}            // gets a value when the first line is queued
	urgent  chan struct{}            // gets a value when the queued lines must be written at once
	closing chan struct{}            // is closed when no more lines come
	done    chan struct{}            // is closed when the last lines are written
	dropped atomic.Int64

	mu    sync.Mutex
	lines []byte
}

func newQueue(out io.Writer, notice func(lines int64) []byte) *queue {
	q := &queue{
		out:     out,
		notice:  notice,
		filled:  make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go q.run()
	return q
}

// Write queues one line. It never waits and never fails.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines)+len(line) > capacity {
		q.dropped.Add(1)
		return len(line), nil
	}
	if len(q.lines) == 0 {
		select {
		case q.filled <- struct{}{}:
		default: // after Close
		}
	}
	q.lines = append(q.lines, line...)
	return len(line), nil
}

// run writes lines until the queue is closed. Two buffers take turns: one is written while the other is filled.
func (q *queue) run() {
	defer close(q.done)
	var buffer []byte
	var reported int64 // dropped lines that notices have reported
	for closed := false; !closed; {
		closed = q.wait()
		buffer = q.swap(buffer)
		if dropped := q.dropped.Load(); dropped > reported {
			buffer = append(buffer, q.notice(dropped-reported)...)
			reported = dropped
		}
		_, _ = q.out.Write(buffer) // an error cannot be reported anywhere
	}
}

// flush makes the queue write its lines at once. It does not wait until they are written.
func (q *queue) flush() {
	select {
	case q.urgent <- struct{}{}:
	default: // an earlier flush has not been noticed yet
	}
}

// wait returns delay after the first line is queued, or earlier if a line is urgent or the queue is closed. It reports
// whether the queue is closed.
func (q *queue) wait() (closed bool) {
	select {
	case <-q.filled:
	case <-q.closing:
		return true
	}
	select {
	case <-q.urgent:
		return false
	case <-time.After(delay):
		return false
	case <-q.closing:
		return true
	}
}

// swap returns the queued lines, and makes an empty buffer the new queue.
func (q *queue) swap(buffer []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines := q.lines
	q.lines = buffer[:0]
	return lines
}
