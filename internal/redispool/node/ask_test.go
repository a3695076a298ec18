package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/singleflight"
)

var errAway = errors.New("the server is away")

func TestAsk(t *testing.T) {
	for _, row := range []struct {
		name    string
		servers []time.Duration // how long each takes to answer; a negative one fails after that time
		enough  int             // how many answers are enough
		used    int
		took    time.Duration
		fails   bool
	}{
		{"all servers are asked at the same time", []time.Duration{1, 2, 3}, 3, 3, 3, false},
		{"Ask does not wait for a server after enough answers", []time.Duration{1, 2, 3}, 2, 2, 2, false},
		{"an error does not count as an answer", []time.Duration{-1, 2, 3}, 1, 1, 2, false},
		{"too few answers are not an error", []time.Duration{1, -2, -3}, 2, 1, 3, false},
		{"it is an error if no server answers", []time.Duration{-1, -2}, 1, 0, 2, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				used, began := 0, time.Now()
				err := Ask(row.servers, func(takes time.Duration) (string, error) {
					time.Sleep(max(takes, -takes))
					if takes < 0 {
						return "", errAway
					}
					return "an answer", nil
				}, func(string) (enough bool) {
					used++
					return used == row.enough
				})
				if used != row.used || errors.Is(err, errAway) != row.fails || (err != nil) != row.fails {
					t.Errorf("%d answers were used, and the error is %v", used, err)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("it took %d, want %d", took, row.took)
				}
				time.Sleep(time.Second) // until all servers have answered
			})
		})
	}
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group singleflight.Group
		var runs atomic.Int64
		f := func() (int64, error) {
			time.Sleep(time.Second)
			return runs.Add(1), nil
		}
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				if n, err := Share(t.Context(), &group, f); n != 1 || err != nil {
					t.Errorf("a caller gets the result of run %d, %v", n, err)
				}
			})
		}
		if _, err := Share(hurried, &group, f); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that gives up gets %v", err)
		}
		callers.Wait()
		if n, err := Share(t.Context(), &group, f); n != 2 || err != nil {
			t.Errorf("the next caller gets the result of run %d, %v", n, err)
		}
	})
}
