// Package texting is a phone in the terminal. A line is a text to send, or a command that begins with a slash, for
// actions that a real phone does not have. The output is what the sender of the message would see.
//
// It does not call webhooks: package phone delivers the messages.
package texting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// Phone is the phone of a person. *phone.Phone implements it.
type Phone interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
	Skip(d time.Duration)
	Now() time.Time
	LoseCookies()
	Cookies() []cookies.Cookie
}

// Person carries out lines, one after the other. It is not safe for concurrent use.
type Person struct {
	Phone Phone
	View  *View
	// Elapse lets time pass on the other side, as /skip does for the phone. It is nil if the clock of the other side
	// cannot be reached.
	Elapse func(ctx context.Context, d time.Duration) error

	Tally Tally          // the results of the lines so far
	last  *phone.Message // for /again
}

// Tally counts the results of the lines.
type Tally struct {
	Sent           int // messages, delivered or not
	Failed         int // messages for which Twilio would have logged an error, without NotFollowed
	NotFollowed    int // messages whose webhook led to another server that the phone did not contact
	InvalidLines   int // lines for which nothing was done
	FailedCommands int // valid commands that could not be carried out
}

// Err returns an error about the most serious thing that went wrong, or nil.
func (t Tally) Err() error {
	switch {
	case t.InvalidLines > 0:
		return fmt.Errorf("%d of the lines could not be understood, and nothing was sent for them", t.InvalidLines)
	case t.Failed > 0:
		return fmt.Errorf("for %d of %d messages Twilio would have logged an error", t.Failed, t.Sent)
	case t.NotFollowed > 0:
		return fmt.Errorf("for %d of %d messages the webhook leads to another server, and nothing was sent there: name its host with --follow-hosts", t.NotFollowed, t.Sent)
	case t.FailedCommands > 0:
		return fmt.Errorf("%d of the commands could not be carried out", t.FailedCommands)
	}
	return nil
}

// errQuit ends Run.
var errQuit = errors.New("quit")

// Run carries out the lines that next returns, until next returns io.EOF or a line is /quit. It notes a wrong line and
// goes on. It returns any other error of next, and the errors of the view and of ctx.
func (p *Person) Run(ctx context.Context, next func() (string, error)) error {
	for {
		line, err := next()
		if err == nil {
			err = p.carryOut(ctx, line)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errQuit):
			return nil
		case err != nil:
			return err
		}
	}
}

func (p *Person) carryOut(ctx context.Context, line string) error {
	action, err := parse(line)
	if err != nil {
		p.Tally.InvalidLines++
		return errors.Join(p.View.Typed(line), p.View.Note(err.Error()))
	}
	if action == nil {
		return nil
	}
	if err := p.View.Typed(line); err != nil {
		return err
	}
	return action(ctx, p)
}

// send delivers messages at once and shows each delivery when it is done. It does not show a delivery that was cut off by
// the end of ctx, because the other side did not cause it.
func (p *Person) send(ctx context.Context, messages ...phone.Message) error {
	deliveries := make(chan *phone.Delivery)
	for _, m := range messages {
		go func() { deliveries <- p.Phone.Send(ctx, m) }()
	}
	var err error
	for range messages {
		d := <-deliveries
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			p.count(d)
			err = p.View.Delivered(d)
		}
	}
	return err
}

func (p *Person) count(d *phone.Delivery) {
	if !d.Message.Forged {
		p.last = &d.Message // with the MessageSid that it got
	}
	p.Tally.Sent++
	switch {
	case d.NotFollowed != "":
		p.Tally.NotFollowed++
	case !d.OK():
		p.Tally.Failed++
	}
}
