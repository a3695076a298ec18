package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// enter adds a new message to the queue. It returns the error of the outcome when process has returned.
func (q *queue) enter(ctx, client context.Context, conversation, sid string, process func()) error {
	return q.do(ctx, time.Time{}, client.Done(), conversation, sid, func(int) *Outcome {
		process()
		return &Outcome{}
	}).Err
}

// hold adds a message whose processing ends when the returned function is called.
func (q *queue) hold(conversation, sid string, o *Outcome) (end func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		q.do(context.Background(), time.Time{}, nil, conversation, sid, func(int) *Outcome {
			<-ended
			return o
		})
		close(done)
	}()
	synctest.Wait()
	return func() {
		close(ended)
		<-done
	}
}

func (q *queue) expectEmpty(t *testing.T) {
	t.Helper()
	if len(q.lines) != 0 || q.count != 0 {
		t.Errorf("the empty queue has %d lines and %d messages", len(q.lines), q.count)
	}
}

func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		end := q.hold("a", "SM", &Outcome{})
		// another conversation does not wait
		if err := q.enter(t.Context(), t.Context(), "b", "SM", func() {}); err != nil {
			t.Fatal(err)
		}
		var order []int
		for i := range 3 {
			go func() {
				if err := q.enter(t.Context(), t.Context(), "a", fmt.Sprint("SM", i),
					func() { order = append(order, i) }); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v were processed while another message was in progress", order)
		}
		end()
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("the order was %v", order)
		}
		q.expectEmpty(t)
	})
}

func TestQueueTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		end := q.hold("a", "SM1", &Outcome{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.enter(ctx, t.Context(), "a", "SM2", func() {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the message that waited too long got %v", err)
		}
		end()
		q.expectEmpty(t)
	})
}

func TestQueueLimits(t *testing.T) {
	for _, row := range []struct {
		name         string
		conversation func(i int) string
		sid          func(i int) string
		want         int
	}{
		{"one conversation may have 64 messages", func(int) string { return "a" }, func(i int) string { return fmt.Sprint(i) }, 64},
		{"all conversations may have 4,096 messages", func(i int) string { return fmt.Sprint(i / 64) }, func(i int) string { return fmt.Sprint(i) }, 4096},
		{"a message may have 64 repeats", func(int) string { return "a" }, func(int) string { return "SM" }, 65},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := newQueue()
			var busy error
			admitted := 0
			for ; busy == nil && admitted < 10_000; admitted++ {
				_, _, busy = q.join(row.conversation(admitted), row.sid(admitted))
			}
			if admitted--; admitted != row.want || !errors.Is(busy, ErrBusy) {
				t.Errorf("%d were admitted, then %v; want %d", admitted, busy, row.want)
			}
		})
	}
}

func TestQueueHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		end := q.hold("a", "SM1", &Outcome{})
		client, hangUp := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- q.enter(t.Context(), client, "a", "SM2", func() {}) }()
		synctest.Wait()
		hangUp()
		if err := <-got; !errors.Is(err, ErrGone) || q.count != 1 {
			t.Errorf("it got %v, and %d messages are left", err, q.count)
		}
		end()
		q.expectEmpty(t)
	})
}

// The client of the repeat hangs up when the first request ends with ErrGone. The repeat may see either event first.
func TestQueueIsEmptyAfterHangUps(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			end := q.hold("a", "SM", &Outcome{Err: ErrGone})
			client, hangUp := context.WithCancel(t.Context())
			go q.enter(t.Context(), client, "a", "SM", func() {})
			synctest.Wait()
			go hangUp()
			end()
			synctest.Wait()
			q.expectEmpty(t)
		})
	}
}

func TestRepeatTakesOver(t *testing.T) {
	for _, row := range []struct {
		name    string
		follows bool // whether the client of the repeat waits
	}{
		{"the repeat is processed if its client waits", true},
		{"the repeat is not processed if its client has hung up, too", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue()
				end := q.hold("a", "SM", &Outcome{Err: ErrGone})
				client, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				leads := false
				go q.enter(t.Context(), client, "a", "SM", func() { leads = true })
				synctest.Wait()
				if q.count != 1 {
					t.Errorf("%d messages are in progress, want 1", q.count)
				}
				if !row.follows {
					hangUp()
					synctest.Wait()
				}
				end()
				synctest.Wait()
				if leads != row.follows {
					t.Errorf("the repeat leads: %t", leads)
				}
				q.expectEmpty(t)
			})
		})
	}
}

// The line of a busy conversation may be short, and yet never empty.
func TestQueueRank(t *testing.T) {
	q := newQueue()
	var last *entry
	for i := range 10 {
		e, _, err := q.join("c", fmt.Sprint("SM", i))
		if err != nil || e.rank != i {
			t.Fatalf("message %d has the rank %d, %v", i, e.rank, err)
		}
		if last != nil {
			q.leave("c", last, &Outcome{})
		}
		last = e
	}
	q.leave("c", last, &Outcome{})
	if e, _, err := q.join("c", "SM"); err != nil || e.rank != 0 {
		t.Errorf("after the line was empty, the rank is %d, %v", e.rank, err)
	}
}
