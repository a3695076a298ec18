// Package texting is a phone in the terminal. A line is a text to send, or a command that begins with a slash. Commands
// do what a person cannot do with a real phone. The output shows what the person would see on a real phone.
//
// The package does not call webhooks: package phone delivers the messages.
package texting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/duration"
	"smsession/internal/person"
	"smsession/internal/phone"
)

// Phone is the phone of a person. *phone.Phone implements it.
type Phone interface {
	person.Phone
	Now() time.Time
	Cookies() []cookies.Cookie
}

// Person carries out lines, one after the other. Phone and View are required. A Person is not safe for concurrent use.
type Person struct {
	Phone  Phone
	View   *View
	Elapse person.Elapse // for /skip; may be nil

	Tally Tally          // the results of the lines so far
	last  *phone.Message // for /again
}

// Tally counts the results of the lines.
type Tally struct {
	Sent           int // messages, delivered or not
	Failed         int // messages for which Twilio would have logged an error, except those in NotFollowed
	ActedTwice     int // other messages that were repeats, and got another reply
	NotFollowed    int // messages whose webhook led to another server that the phone did not contact
	InvalidLines   int // lines that were rejected, such as an unknown command
	FailedCommands int // valid commands that could not be carried out
}

// Err returns an error about one kind of failure, or nil if there was no failure. If there are several kinds, it is the
// first of InvalidLines, Failed, ActedTwice, NotFollowed and FailedCommands.
func (t Tally) Err() error {
	switch {
	case t.InvalidLines > 0:
		return fmt.Errorf("%d of the lines could not be carried out: nothing was sent for them", t.InvalidLines)
	case t.Failed > 0:
		return fmt.Errorf("%d of %d messages failed: Twilio would have logged an error for each", t.Failed, t.Sent)
	case t.ActedTwice > 0:
		return fmt.Errorf("%d of %d messages were repeats that got another reply: a resend would act twice",
			t.ActedTwice, t.Sent)
	case t.NotFollowed > 0:
		return fmt.Errorf("the webhook leads to another server for %d of %d messages, and nothing was sent there: "+
			"to allow that server, name its host with --follow-hosts", t.NotFollowed, t.Sent)
	case t.FailedCommands > 0:
		return fmt.Errorf("%d of the commands could not be carried out", t.FailedCommands)
	}
	return nil
}

// lineAction carries out a line. It returns the errors of the view and of ctx, and errQuit.
type lineAction func(p *Person, ctx context.Context) error

// errQuit ends Run.
var errQuit = errors.New("quit")

// Run carries out the lines that next returns. It returns nil when next returns io.EOF or a line is /quit. If a line is
// invalid or a command fails, Run shows a note and continues. Run returns any other error of next, and the errors of
// the view and of ctx.
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

// carryOut parses a line and carries it out. It ignores a blank line.
func (p *Person) carryOut(ctx context.Context, line string) error {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	if err := p.View.Typed(line); err != nil {
		return err
	}
	action, err := parse(line)
	if err != nil {
		return p.reject(err)
	}
	return action(p, ctx)
}

// reject counts an invalid line and shows why it is invalid.
func (p *Person) reject(err error) error {
	p.Tally.InvalidLines++
	return p.View.Note(err.Error())
}

// do carries out an action on the phone, and shows each delivery when it ends. It neither shows nor counts a delivery
// that ends after ctx, because the webhook did not cause its failure.
func (p *Person) do(ctx context.Context, a person.Action) error {
	var shown error
	err := a.Do(ctx, p.Phone, p.Elapse, func(_ int, d *phone.Delivery) {
		if shown = cmp.Or(shown, ctx.Err()); shown == nil {
			p.count(d)
			shown = p.View.Delivered(d)
		}
	})
	return cmp.Or(err, shown)
}

func (p *Person) count(d *phone.Delivery) {
	if !d.Message.Forged { // Twilio would not have sent it, so it cannot be sent again
		p.last = &d.Message // includes its MessageSid
	}
	p.Tally.Sent++
	switch {
	case d.NotFollowed != "":
		p.Tally.NotFollowed++
	case d.ActsTwice:
		p.Tally.ActedTwice++
	case !d.OK():
		p.Tally.Failed++
	}
}

func (p *Person) again(ctx context.Context) error {
	if p.last == nil {
		return p.reject(errors.New("there is no message yet to send again"))
	}
	return p.do(ctx, person.Action{Messages: []phone.Message{*p.last}})
}

func (p *Person) skip(ctx context.Context, d time.Duration) error {
	if err := p.do(ctx, person.Action{Skip: d}); err != nil {
		p.Tally.FailedCommands++
		return p.View.Note(fmt.Sprintf("no time has passed: %v", err))
	}
	where := "for the phone and for its conversation on the other side"
	if p.Elapse == nil {
		where = "for the phone and its cookies, but not on the other side"
	}
	return p.View.Note(duration.Format(d) + " have passed, " + where)
}

func (p *Person) loseCookies(ctx context.Context) error {
	if err := p.do(ctx, person.Action{LoseCookies: true}); err != nil {
		return err
	}
	return p.View.Note("the cookies are deleted: the next message carries no cookie")
}

func (p *Person) showCookies(context.Context) error {
	cookies := p.Phone.Cookies()
	if len(cookies) == 0 {
		return p.View.Note("the next message carries no cookie")
	}
	lines := []string{"the next message carries"}
	for _, c := range cookies {
		left := c.Expires.Sub(p.Phone.Now()).Round(time.Second)
		lines = append(lines, fmt.Sprintf("%s=%s for %s", c.Name, c.Value, duration.Brief(left)))
	}
	return p.View.Note(lines...)
}

func (p *Person) toggleVerbose(context.Context) error { return p.View.toggleVerbose() }

func (p *Person) help(context.Context) error {
	return p.View.Note(append([]string{"A line is a text to send, unless it begins with a slash:"}, Usage()...)...)
}
