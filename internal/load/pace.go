package load

import (
	"context"
	"time"
)

// pace says when messages are due. It is for one goroutine.
type pace struct {
	rate  float64 // messages a second; 0: each is due when it can be sent
	start time.Time
	begun int
}

// wait waits until the next message is due. It returns the zero time where there is no rate, and false if ctx ends first.
// A message is due when it is due: that those before it were late does not put it off.
func (p *pace) wait(ctx context.Context) (due time.Time, ok bool) {
	if p.rate == 0 {
		return time.Time{}, ctx.Err() == nil
	}
	due = p.start.Add(time.Duration(float64(p.begun) / p.rate * float64(time.Second)))
	ahead := time.Until(due)
	if ahead <= 0 {
		return due, ctx.Err() == nil
	}
	select {
	case <-time.After(ahead):
		return due, true
	case <-ctx.Done():
		return due, false
	}
}

func (p *pace) add(messages int) { p.begun += messages }
