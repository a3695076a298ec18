package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueLetsOneConversationInAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(10)
		first, err := q.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if l, err := q.enter(t.Context(), "b"); err != nil { // another conversation does not wait
			t.Fatal(err)
		} else {
			q.leave("b", l)
		}
		var order []int
		for i := range 3 {
			go func() {
				l, err := q.enter(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				q.leave("a", l)
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v went in while another was inside", order)
		}
		q.leave("a", first)
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("they went in as %v", order)
		}
		if len(q.lanes) != 0 || q.count != 0 {
			t.Errorf("the empty queue holds %d lanes and %d deliveries", len(q.lanes), q.count)
		}
	})
}

func TestQueueIsBoundedInNumberAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2)
		inside, _ := q.enter(t.Context(), "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waited := make(chan error)
		go func() { _, err := q.enter(ctx, "a"); waited <- err }()
		synctest.Wait()
		if _, err := q.enter(t.Context(), "b"); !errors.Is(err, ErrBusy) {
			t.Errorf("the third of two got %v", err)
		}
		if err := <-waited; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that waited too long got %v", err)
		}
		q.leave("a", inside)
		if len(q.lanes) != 0 || q.count != 0 {
			t.Errorf("the empty queue holds %d lanes and %d deliveries", len(q.lanes), q.count)
		}
	})
}
