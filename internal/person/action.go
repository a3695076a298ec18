// Package person has the actions of a person with a phone. The terminal (package texting) and the page (package
// devphone) offer them. A real phone can only send messages, one after the other.
package person

import (
	"context"
	"time"

	"smsession/internal/phone"
)

// Phone is the phone of a person. *phone.Phone implements it. It is safe for concurrent use.
type Phone interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
	Skip(d time.Duration)
	LoseCookies()
}

// Action is one action of a person. Only one of its fields is set.
type Action struct {
	Messages    []phone.Message // to be sent at once
	Skip        time.Duration   // the time that passes
	LoseCookies bool
}

// Elapse lets time pass on the other side. It is nil if the clock of the other side cannot be reached.
type Elapse func(ctx context.Context, d time.Duration) error

// Do carries out the action. It calls delivered with the index of each message when the message is delivered, one call
// after the other. It returns an error only if elapse fails. Then no time has passed on the phone either.
func (a Action) Do(ctx context.Context, p Phone, elapse Elapse, delivered func(i int, d *phone.Delivery)) error {
	if elapse != nil && a.Skip > 0 {
		if err := elapse(ctx, a.Skip); err != nil {
			return err
		}
	}
	p.Skip(a.Skip)
	if a.LoseCookies {
		p.LoseCookies()
	}
	deliveries := make([]*phone.Delivery, len(a.Messages))
	done := make(chan int)
	for i, m := range a.Messages {
		go func() {
			deliveries[i] = p.Send(ctx, m)
			done <- i
		}()
	}
	for range a.Messages {
		i := <-done
		delivered(i, deliveries[i])
	}
	return nil
}
