package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudget(t *testing.T) {
	begin := func() *budget { return &budget{ends: time.Now().Add(time.Second)} }
	wantEnd := func(t *testing.T, ctx context.Context, want error) {
		t.Helper()
		select {
		case <-ctx.Done():
		default:
			t.Error("Done is not closed")
		}
		if err := ctx.Err(); !errors.Is(err, want) {
			t.Errorf("the error is %v, want %v", err, want)
		}
	}
	t.Run("ends for those who wait, and for contexts below it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := begin()
			defer b.stop()
			below, cancel := context.WithCancel(b)
			defer cancel()
			if b.Err() != nil || below.Err() != nil {
				t.Fatal("it has ended before its time")
			}
			<-b.Done()
			synctest.Wait()
			wantEnd(t, b, context.DeadlineExceeded)
			wantEnd(t, below, context.DeadlineExceeded)
		})
	})
	t.Run("ends although nobody waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := begin()
			time.Sleep(time.Second)
			if err := b.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the error is %v", err)
			}
			wantEnd(t, b, context.DeadlineExceeded)
			b.stop()
		})
	})
	t.Run("ends when it is stopped, although nobody has waited", func(t *testing.T) {
		b := begin()
		b.stop()
		wantEnd(t, b, context.Canceled)
	})
	t.Run("has an error whenever Done is closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := begin()
			below, cancel := context.WithCancel(b)
			defer cancel()
			b.stop()
			wantEnd(t, b, context.Canceled)
			wantEnd(t, below, context.Canceled)
		})
	})
}
