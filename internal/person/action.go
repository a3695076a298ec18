// Package person carries out the actions of a person with a simulated phone: messages are sent, time passes, cookies
// are lost. A person starts the actions in a terminal (package texting) or on a web page (package devphone).
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
	Messages    []phone.Message // all sent at the same time
	Skip        time.Duration   // how much time passes; never negative
	LoseCookies bool            // the phone's cookies are deleted
}

// Elapse makes the service behind the webhook act as if d had passed for the conversation. It is nil if only the
// phone's clock can be moved.
type Elapse func(ctx context.Context, d time.Duration) error

// Do carries out the action. When a message is delivered, Do calls delivered with the index of the message. These calls
// do not overlap. When ctx ends, the deliveries end with a finding. Do returns an error only if elapse fails. In that
// case, no time has passed on the phone either.
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
