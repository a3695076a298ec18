package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// grace is how long the deliveries under way may go on when the run is interrupted.
const grace = 2 * time.Second

// run has one dispatcher, which decides, and workers, which deliver. A conversation is in ready between its turns and in
// its tasks during one.
type run struct {
	Options
	began   time.Time
	planner *planner
	numbers *numbers
	begun   int  // conversations, those not counted that took another's place
	begins  bool // the last turn began one, if there were some to be begun
	pace    *pace
	proof   *Proof
	ready   chan *conversation // has room for all
	tasks   chan task
	tallies []*tally
	stop    func(error) // ends the run at once
}

// Run sends until one of the bounds is reached or ctx ends, waits for the deliveries under way, and reports. When ctx
// ends they are cut off after 2 s; what they would have brought is then unknown and counts neither way. It is an error
// for a phone not to be made, and ErrLedAway for the webhook to lead a phone to a server to which it does not go.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := newRun(o)
	running, end := context.WithCancelCause(ctx)
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = func(err error) {
		end(err)
		cut()
	}
	defer r.stop(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })()
	var workers sync.WaitGroup
	for _, t := range r.tallies {
		workers.Go(func() { r.work(sending, t) })
	}
	unwatch := r.watch()
	r.dispatch(running)
	workers.Wait()
	unwatch()
	if err := context.Cause(running); err != nil && ctx.Err() == nil {
		return nil, err
	}
	return r.report(time.Since(r.began), ctx.Err() != nil), nil
}

func newRun(o Options) *run {
	r := &run{
		Options: o,
		began:   time.Now(),
		planner: newPlanner(&o),
		numbers: newNumbers(),
		proof:   newProof(o.Expect),
		ready:   make(chan *conversation, o.Conversations),
		tasks:   make(chan task, o.InFlight),
		tallies: make([]*tally, o.InFlight),
	}
	r.pace = &pace{rate: o.Rate, start: r.began}
	for i := range r.tallies {
		r.tallies[i] = newTally()
	}
	return r
}

// dispatch gives one conversation after the other its turn, until there is nothing more to be begun.
func (r *run) dispatch(ctx context.Context) {
	defer close(r.tasks)
	if r.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, r.began.Add(r.Duration))
		defer cancel()
	}
	for !r.planner.done() {
		due, ok := r.pace.wait(ctx)
		if !ok {
			return
		}
		c := r.next(ctx)
		if c == nil {
			return
		}
		r.turn(c, due)
	}
}

// next returns the conversation whose turn it is, and nil if ctx ends before there is one. Until all have begun every
// other turn begins one, and so does every turn for which no other is ready: a short run has later messages, too.
func (r *run) next(ctx context.Context) *conversation {
	if r.begun < r.Conversations {
		if r.begins = !r.begins; r.begins || len(r.ready) == 0 {
			r.begun++
			return newConversation(r.numbers.take())
		}
	}
	select {
	case c := <-r.ready:
		return c
	case <-ctx.Done():
		return nil
	}
}

// turn hands the deliveries of a conversation's next turn to the workers; where the conversation is over, those of the one
// that takes its place.
func (r *run) turn(c *conversation, due time.Time) {
	if c.over() {
		r.proof.examine(c)
		c = newConversation(r.numbers.take())
	}
	if c.phone == nil {
		var err error
		if c.phone, err = r.Phone(c.from); err != nil {
			r.stop(fmt.Errorf("make a phone: %w", err))
			return
		}
	}
	tasks, messages := r.planner.plan(c)
	r.pace.add(messages)
	for _, t := range tasks {
		t.due = due
		r.tasks <- t
	}
}

// work makes deliveries until there are no more.
func (r *run) work(ctx context.Context, t *tally) {
	for task := range r.tasks {
		o := outcome{failed: true}
		if ctx.Err() == nil {
			o = r.deliver(ctx, t, task)
		} else {
			t.cut++
		}
		if c := task.conversation; c.note(task.message, o) {
			r.ready <- c
		}
	}
}

// deliver makes one delivery.
func (r *run) deliver(ctx context.Context, t *tally, task task) outcome {
	began := task.due
	if began.IsZero() {
		began = time.Now()
	}
	d := task.conversation.phone.Send(ctx, task.conversation.message(task))
	if ctx.Err() != nil && !d.OK() {
		t.cut++
	} else {
		t.note(d, time.Since(began))
	}
	if d.NotFollowed != "" {
		r.stop(fmt.Errorf("%w: %q", ErrLedAway, d.NotFollowed))
	}
	return outcomeOf(d)
}

// report comes when nothing is under way any more.
func (r *run) report(took time.Duration, interrupted bool) *Report {
	close(r.ready)
	for c := range r.ready {
		r.proof.examine(c)
	}
	sum := newTally()
	for _, t := range r.tallies {
		sum.add(t)
	}
	return newReport(r.planner.asked, sum, r.proof, took, interrupted)
}
