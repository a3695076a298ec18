package logging

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// delay is how long a line may wait for more lines. Writing each line on its own would cost a tenth of the CPU time
	// of a message.
	delay = 50 * time.Millisecond

	// capacity is how many bytes of lines may wait for the reader. Lines that do not fit are dropped.
	capacity = 1 << 20
)

// queue collects lines and writes them to out in a goroutine of its own. It is safe for concurrent use.
type queue struct {
	out     io.Writer
	notice  func(lines int64) []byte // returns the line that reports dropped lines
	dropped atomic.Int64
	done    chan struct{} // is closed when the last lines are written

	mu       sync.Mutex
	lines    []byte
	isDue    bool // the lines should be written
	isClosed bool // no more lines come
	changed  sync.Cond
}

func newQueue(out io.Writer, notice func(lines int64) []byte) *queue {
	q := &queue{out: out, notice: notice, done: make(chan struct{})}
	q.changed.L = &q.mu
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
	if len(q.lines) == 0 && !q.isClosed {
		time.AfterFunc(delay, q.flush)
	}
	q.lines = append(q.lines, line...)
	return len(line), nil
}

// flush makes the queue write its lines at once. It does not wait until they are written.
func (q *queue) flush() { q.wake(false) }

// close makes the queue write its last lines.
func (q *queue) close() { q.wake(true) }

func (q *queue) wake(closes bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isDue, q.isClosed = true, q.isClosed || closes
	q.changed.Signal()
}

// run writes lines until the queue is closed. Two buffers take turns: one is written while the other is filled.
func (q *queue) run() {
	defer close(q.done)
	var buffer []byte
	var reported int64 // dropped lines that notices have reported
	for isLast := false; !isLast; {
		buffer, isLast = q.take(buffer)
		if dropped := q.dropped.Load(); dropped > reported {
			buffer = append(buffer, q.notice(dropped-reported)...)
			reported = dropped
		}
		if len(buffer) > 0 { // the lines may have been written before they were due
			_, _ = q.out.Write(buffer) // an error cannot be reported anywhere
		}
	}
}

// take waits until lines are due. It returns them, and makes an empty buffer the new queue.
func (q *queue) take(buffer []byte) (lines []byte, isLast bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.isDue {
		q.changed.Wait()
	}
	lines, q.lines, q.isDue = q.lines, buffer[:0], false
	return lines, q.isClosed
}
