package person_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"smsession/internal/person"
	"smsession/internal/phone"
)

// fakePhone delivers no message until two have been sent.
type fakePhone struct {
	skipped time.Duration
	lost    bool
	both    sync.WaitGroup
}

func (p *fakePhone) Skip(d time.Duration) { p.skipped += d }
func (p *fakePhone) LoseCookies()         { p.lost = true }

func (p *fakePhone) Send(_ context.Context, m phone.Message) *phone.Delivery {
	p.both.Done()
	p.both.Wait()
	return &phone.Delivery{Message: m}
}

func TestMessagesOverlap(t *testing.T) {
	var p fakePhone
	p.both.Add(2)
	a := person.Action{Messages: []phone.Message{{Body: "one"}, {Body: "two"}}}
	got := make([]string, 2)
	if err := a.Do(t.Context(), &p, nil, func(i int, d *phone.Delivery) { got[i] += d.Message.Body }); err != nil {
		t.Fatal(err)
	}
	if got[0] != "one" || got[1] != "two" || p.skipped != 0 || p.lost {
		t.Errorf("delivered %q, skipped %v, lost the cookies: %t", got, p.skipped, p.lost)
	}
}

func TestSkip(t *testing.T) {
	broken := errors.New("no Redis there")
	for _, row := range []struct {
		name   string
		elapse person.Elapse
		want   time.Duration
		err    error
	}{
		{"time passes on both sides", func(context.Context, time.Duration) error { return nil }, time.Hour, nil},
		{"time passes on the phone if the other side has no clock", nil, time.Hour, nil},
		{"no time passes on the phone if the other side fails",
			func(context.Context, time.Duration) error { return broken }, 0, broken},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p fakePhone
			err := person.Action{Skip: time.Hour}.Do(t.Context(), &p, row.elapse, nil)
			if !errors.Is(err, row.err) || p.skipped != row.want || p.lost {
				t.Errorf("%v, skipped %v, lost the cookies: %t", err, p.skipped, p.lost)
			}
		})
	}
}
