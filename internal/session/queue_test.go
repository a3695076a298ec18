package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// enter adds a new message to the queue and waits for its turn.
func (q *queue) enter(ctx context.Context, conversation, sid string, gone <-chan struct{}) (*turn, error) {
	turn, has, err := q.join(conversation, sid)
	if err == nil && !has {
		err = errors.New("it is a repeat")
	}
	if err != nil {
		return nil, err
	}
	if err := turn.await(ctx, gone); err != nil {
		q.leave(conversation, turn, outcome{err: err})
		return nil, err
	}
	return turn, nil
}

func (q *queue) expectEmpty(t *testing.T) {
	t.Helper()
	if len(q.lines) != 0 || q.count != 0 {
		t.Errorf("the empty queue holds %d lines and %d messages", len(q.lines), q.count)
	}
}

func TestQueueLetsOneConversationInAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		first, err := q.enter(t.Context(), "a", "SM", nil)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := q.enter(t.Context(), "b", "SM", nil); err != nil { // another conversation does not wait
			t.Fatal(err)
		} else {
			q.leave("b", other, outcome{})
		}
		var order []int
		for i := range 3 {
			go func() {
				turn, err := q.enter(t.Context(), "a", fmt.Sprint("SM", i), nil)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				q.leave("a", turn, outcome{})
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v went in while another was inside", order)
		}
		q.leave("a", first, outcome{})
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("they went in as %v", order)
		}
		q.expectEmpty(t)
	})
}

func TestQueueIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		inside, _ := q.enter(t.Context(), "a", "SM1", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.enter(ctx, "a", "SM2", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that waited too long got %v", err)
		}
		q.leave("a", inside, outcome{})
		q.expectEmpty(t)
	})
}

func TestQueueIsBoundedInNumber(t *testing.T) {
	for _, row := range []struct {
		name         string
		conversation func(i int) string
		sid          func(i int) string
		want         int
	}{
		{"64 messages of one conversation", func(int) string { return "a" }, func(i int) string { return fmt.Sprint(i) }, 64},
		{"4,096 messages of all", func(i int) string { return fmt.Sprint(i / 64) }, func(i int) string { return fmt.Sprint(i) }, 4096},
		{"64 repeats of a message besides the first", func(int) string { return "a" }, func(int) string { return "SM" }, 65},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := newQueue()
			var busy error
			let := 0
			for ; busy == nil && let < 10_000; let++ {
				_, _, busy = q.join(row.conversation(let), row.sid(let))
			}
			if let--; let != row.want || !errors.Is(busy, ErrBusy) {
				t.Errorf("%d were let in, then %v; want %d", let, busy, row.want)
			}
		})
	}
}

func TestAClientThatHangsUpGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		inside, _ := q.enter(t.Context(), "a", "SM1", nil)
		gone := make(chan struct{})
		got := make(chan error, 1)
		go func() { _, err := q.enter(t.Context(), "a", "SM2", gone); got <- err }()
		synctest.Wait()
		close(gone)
		if err := <-got; !errors.Is(err, ErrGone) || q.count != 1 {
			t.Errorf("it got %v, and %d messages are left", err, q.count)
		}
		q.leave("a", inside, outcome{})
		q.expectEmpty(t)
	})
}

// The client of the repeat hangs up when the repeat can already take the turn. The repeat may see either event first.
func TestATurnThatNobodyTakesIsNotLeftBehind(t *testing.T) {
	for range 100 {
		q := newQueue()
		turn, _, _ := q.join("a", "SM")
		if _, _, err := q.join("a", "SM"); err != nil {
			t.Fatal(err)
		}
		q.leave("a", turn, outcome{err: ErrGone})
		gone := make(chan struct{})
		close(gone)
		if _, has := q.follow("a", turn, time.Now().Add(time.Minute), gone); has {
			q.leave("a", turn, outcome{})
		}
		q.expectEmpty(t)
	}
}

func TestARepeatTakesATurnOver(t *testing.T) {
	for _, row := range []struct {
		name    string
		follows bool // the client of the repeat has not hung up
	}{{"while its client is there", true}, {"but not when its client is gone, too", false}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue()
				turn, _, _ := q.join("a", "SM")
				again, has, err := q.join("a", "SM")
				if again != turn || has || err != nil {
					t.Fatalf("a repeat got a turn of its own, %v", err)
				}
				gone, taken := make(chan struct{}), make(chan bool, 1)
				go func() {
					_, has := q.follow("a", turn, time.Now().Add(time.Second), gone)
					taken <- has
				}()
				synctest.Wait()
				if !row.follows {
					close(gone)
					synctest.Wait()
				}
				q.leave("a", turn, outcome{err: ErrGone})
				if has := <-taken; has != row.follows {
					t.Errorf("the repeat has the turn: %t", has)
				}
				if row.follows {
					q.leave("a", turn, outcome{})
				}
				q.expectEmpty(t)
			})
		})
	}
}
