package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget, now := newBudgets(), time.Now()
		for _, row := range []struct {
			name        string
			asked, want time.Duration
		}{
			{"the first one ends at its time", 1005 * time.Millisecond, 1005 * time.Millisecond},
			{"the next one may end a little earlier", 1009 * time.Millisecond, 1005 * time.Millisecond},
			{"it does not end later", 1002 * time.Millisecond, 1002 * time.Millisecond},
			{"it does not end much earlier", 1642 * time.Millisecond, 1642 * time.Millisecond},
			{"the first of another step ends at its time", 900 * time.Millisecond, 900 * time.Millisecond},
			{"steps do not disturb each other", 1649 * time.Millisecond, 1642 * time.Millisecond},
		} {
			end, _ := budget(now.Add(row.asked)).Deadline()
			if got := end.Sub(now); got != row.want {
				t.Errorf("%s: a budget of %v ends after %v, want %v", row.name, row.asked, got, row.want)
			}
		}
		ctx := budget(now.Add(time.Second))
		time.Sleep(time.Second - 1)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("it has ended before its time")
		}
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("the error is %v", ctx.Err())
		}
	})
}
