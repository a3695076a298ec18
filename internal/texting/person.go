package texting

import (
	"context"
	"errors"
	"io"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// Phone is what a person holds. A *phone.Phone is one.
type Phone interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
	Skip(d time.Duration)
	Now() time.Time
	LoseCookies()
	Cookies() []cookies.Cookie
}

// Options are a person's phone and eyes. Phone and View are required.
type Options struct {
	Phone Phone
	View  View
	// Elapse lets time pass on the other side as /skip does on the phone's clock. It is nil where the other side's clock
	// is out of reach.
	Elapse func(ctx context.Context, d time.Duration) error
}

// Person does what lines say, one after the other. It is not safe for concurrent use.
type Person struct {
	Options
	last  *phone.Message // what /again sends
	tally Tally
}

// Tally is what became of the lines so far.
type Tally struct {
	Sent   int // messages, delivered or not
	Failed int // those of them for which Twilio would have logged an error
	// NotFollowed counts messages whose webhook led to another server that the phone did not contact. Failed does not
	// include them.
	NotFollowed int

	Misread int // lines that nothing was done about, since they are wrong
	Stuck   int // commands that could not be carried out, though nothing was wrong with them
}

// New returns a person who has sent nothing yet.
func New(o Options) *Person { return &Person{Options: o} }

// Tally returns what became of the lines so far.
func (p *Person) Tally() Tally { return p.tally }

// errQuit ends Run.
var errQuit = errors.New("quit")

// Run does what the lines say until there are no more, that is until next returns io.EOF, or one says /quit. A wrong line
// is noted, and the next one taken. Any other error of next is returned, and so are the view's and ctx's.
func (p *Person) Run(ctx context.Context, next func() (string, error)) error {
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch err := p.take(ctx, line); {
		case errors.Is(err, errQuit):
			return nil
		case err != nil:
			return err
		}
	}
}

// take does what one line says.
func (p *Person) take(ctx context.Context, line string) error {
	step, err := parse(line)
	if err != nil {
		p.tally.Misread++
		return errors.Join(p.View.Typed(line), p.View.Note(err.Error()))
	}
	if step == nil {
		return nil
	}
	if err := p.View.Typed(line); err != nil {
		return err
	}
	return step(ctx, p)
}

// send delivers messages, all at once, and shows what became of each as it is done. What an end of ctx has cut off is not
// shown: it says nothing about the other side.
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
			p.note(d)
			err = p.View.Delivered(d)
		}
	}
	return err
}

func (p *Person) note(d *phone.Delivery) {
	if !d.Message.Forged {
		p.last = &d.Message // with the MessageSid that it got
	}
	p.tally.Sent++
	switch {
	case d.NotFollowed != "":
		p.tally.NotFollowed++
	case !d.OK():
		p.tally.Failed++
	}
}
