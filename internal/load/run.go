package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"smsession/internal/phone"
	"smsession/internal/terminal"
)

// grace is how long the deliveries that have begun may take after an interruption.
const grace = 2 * time.Second

// run has one dispatcher, which decides what is sent, and workers, which deliver it. Between its turns a conversation
// is in ready.
type run struct {
	Options
	began     time.Time
	planner   *planner
	numbers   numbers
	begun     int  // conversations, without those that replaced another
	lastBegan bool // the last turn began a conversation
	proof     *Proof
	results   *results
	ready     chan *conversation // has room for all
	tasks     chan task
	stop      func(error) // ends the run at once
}

// Run sends until one of the bounds is reached or ctx ends, waits for the deliveries that have begun, and reports. When
// ctx ends, it cuts them off after 2 s. Their answers are unknown, and count neither for the server nor against it. Run
// returns an error if a phone cannot be made, and ErrLedAway if the webhook leads a phone to another server. o must be
// within the bounds of Check.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{
		Options: o,
		began:   time.Now(),
		planner: newPlanner(&o),
		numbers: numbers{rand.Uint64N(subscribers)},
		proof:   newProof(o.Expect),
		results: newResults(),
		ready:   make(chan *conversation, o.Conversations),
		tasks:   make(chan task, o.InFlight),
	}
	running, end := context.WithCancelCause(ctx)
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = func(err error) {
		end(err)
		cut()
	}
	defer r.stop(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })()
	var workers sync.WaitGroup
	for range o.InFlight {
		workers.Go(func() { r.work(sending) })
	}
	var progress sync.WaitGroup
	if o.Progress != nil {
		progress.Go(func() { r.results.progress(sending, o.Progress, terminal.Is(o.Progress)) })
	}
	r.dispatch(running)
	workers.Wait()
	cut()
	progress.Wait()
	if err := context.Cause(running); err != nil && ctx.Err() == nil {
		return nil, err
	}
	close(r.ready)
	for c := range r.ready {
		r.proof.examine(c)
	}
	return newReport(r.planner.asked, r.results, r.proof, time.Since(r.began), ctx.Err() != nil), nil
}

// dispatch gives one conversation after the other its turn, until all messages are begun.
func (r *run) dispatch(ctx context.Context) {
	defer close(r.tasks)
	if r.Duration != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, r.began.Add(*r.Duration))
		defer cancel()
	}
	for !r.planner.done() {
		due := r.planner.due(r.began)
		if ahead := time.Until(due); ahead > 0 {
			select {
			case <-time.After(ahead):
			case <-ctx.Done():
			}
		}
		c := r.next(ctx)
		if c == nil {
			return
		}
		r.turn(c, due)
	}
}

// next returns the conversation that has the next turn, or nil if ctx ends before there is one. Until all conversations
// have begun, every other turn begins one, and so does a turn for which no other conversation is ready. So a short run
// also has later messages.
func (r *run) next(ctx context.Context) *conversation {
	if ctx.Err() != nil {
		return nil
	}
	if r.begun < r.Conversations {
		if r.lastBegan = !r.lastBegan; r.lastBegan || len(r.ready) == 0 {
			r.begun++
			return newConversation(r.numbers.next())
		}
	}
	select {
	case c := <-r.ready:
		return c
	case <-ctx.Done():
		return nil
	}
}

// turn gives the workers the deliveries of the next turn of a conversation, or of the conversation that replaces it.
func (r *run) turn(c *conversation, due time.Time) {
	if c.over() {
		r.proof.examine(c)
		c = newConversation(r.numbers.next())
	}
	if c.phone == nil {
		var err error
		if c.phone, err = r.Phone(c.from); err != nil {
			r.stop(fmt.Errorf("make a phone: %w", err))
			return
		}
	}
	for _, t := range r.planner.plan(c, due) {
		r.tasks <- t
	}
}

// work makes deliveries until there are no more. After the end of ctx it cuts them off.
func (r *run) work(ctx context.Context) {
	for t := range r.tasks {
		var d *phone.Delivery
		began := t.due
		if began.IsZero() {
			began = time.Now()
		}
		if ctx.Err() == nil {
			d = t.conversation.phone.Send(ctx, t.conversation.message(t))
		}
		if ctx.Err() != nil && (d == nil || !d.OK()) {
			r.results.cutOff()
		} else {
			r.results.add(d, time.Since(began))
		}
		if d != nil && d.NotFollowed != "" {
			r.stop(fmt.Errorf("%w: %q", ErrLedAway, d.NotFollowed))
		}
		if t.conversation.record(t.message, d) {
			r.ready <- t.conversation
		}
	}
}
