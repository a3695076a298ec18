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

// grace is how much longer the deliveries that have begun may take when ctx ends.
const grace = 2 * time.Second

// run is the state of a run. Only the goroutine that called Run changes it. The workers make the deliveries and return
// their outcomes.
type run struct {
	planner
	began     time.Time
	numbers   numbers
	begun     int             // how many conversations have begun, not counting those that replaced another
	lastBegan bool            // the last round began a conversation
	ready     []*conversation // those between two rounds; the first one has waited longest
	proof     *Proof
	results   *results
}

// outcome is the result of a task.
type outcome struct {
	task
	delivery *phone.Delivery // nil if the delivery did not begin
	took     time.Duration
	cutOff   bool
}

// Run sends messages until o.Messages or o.Duration is reached or ctx ends. It then waits for the deliveries that have
// begun, and returns the report. After the end of ctx, it waits for at most 2 s and cuts off the other deliveries. The
// results of these deliveries are unknown, so they are neither answers nor errors. With ExpectAuto, Run first sends two
// messages in a conversation of their own. They are not in the numbers of the report, and o does not limit them.
//
// Run returns an error if o.Phone fails, and ErrNotFollowed if the webhook leads to another server. Failures of the
// server are in the report: see Report.Err. The caller must have called o.Check.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{
		planner: planner{Options: o, asked: Asked{MessagesABurst: o.Burst}},
		numbers: numbers{rand.Uint64N(subscribers)},
		proof:   newProof(o.Expect),
		results: newResults(),
	}
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })()
	var progress sync.WaitGroup
	if o.Progress != nil {
		progress.Go(func() { r.results.progress(sending, o.Progress, terminal.Is(o.Progress)) })
	}
	err := r.try(sending)
	r.began = time.Now()
	beginning := ctx
	if o.Duration != nil {
		var stop context.CancelFunc
		beginning, stop = context.WithDeadline(ctx, r.began.Add(*o.Duration))
		defer stop()
	}
	if err == nil {
		err = r.send(beginning, sending, cut)
	}
	cut()
	progress.Wait()
	if err != nil {
		return nil, err
	}
	for _, c := range r.ready {
		r.proof.examine(c)
	}
	return newReport(r.asked, r.results, r.proof, time.Since(r.began), ctx.Err() != nil), nil
}

// send begins rounds until o.Messages have begun, ctx ends, or there is an error. An error also cuts off the
// deliveries. send returns when all deliveries have ended.
func (r *run) send(ctx, sending context.Context, cut func()) (err error) {
	tasks, outcomes := startWorkers(sending, r.InFlight)
	defer close(tasks)
	var round []task // the deliveries of the last round that have not begun
	for inFlight := 0; ; {
		last := r.done() || ctx.Err() != nil || err != nil
		due := r.due(r.began)
		ahead := time.Until(due)
		if len(round) == 0 && !last && ahead <= 0 {
			if round, err = r.next(due); err != nil {
				cut()
				continue
			}
		}
		var begin chan<- task // each of these channels is nil if there is nothing to wait for
		var first task
		var dueNow <-chan time.Time
		var ended <-chan struct{}
		switch {
		case len(round) > 0:
			begin, first = tasks, round[0]
		case last && inFlight == 0:
			return err
		case !last && ahead > 0:
			dueNow, ended = time.After(ahead), ctx.Done()
		}
		select {
		case begin <- first:
			round = round[1:]
			inFlight++
		case o := <-outcomes:
			inFlight--
			if failure := r.take(o); failure != nil && err == nil {
				err = failure
				cut()
			}
		case <-dueNow:
		case <-ended:
		}
	}
}

// startWorkers starts workers that make deliveries until tasks is closed. Both channels have room for a task of each
// worker, so that no worker waits for another goroutine.
func startWorkers(ctx context.Context, n int) (tasks chan<- task, outcomes <-chan outcome) {
	in, out := make(chan task, n), make(chan outcome, n)
	for range n {
		go func() {
			for t := range in {
				out <- t.deliver(ctx)
			}
		}()
	}
	return in, out
}

// next begins the next round and returns its deliveries. It returns none if no conversation is ready. Until there are
// enough conversations, every second round begins a new one, and so does a round if no other conversation is ready.
// Thus even a short run sends several messages in some conversations.
func (r *run) next(due time.Time) ([]task, error) {
	r.lastBegan = r.begun < r.Conversations && (!r.lastBegan || len(r.ready) == 0)
	if r.lastBegan {
		r.begun++
	} else if len(r.ready) == 0 {
		return nil, nil
	} else {
		c := r.ready[0]
		r.ready = r.ready[1:]
		if !c.over() {
			return r.plan(c, due), nil
		}
		r.proof.examine(c)
	}
	c, err := r.newConversation()
	if err != nil {
		return nil, err
	}
	return r.plan(c, due), nil
}

func (r *run) newConversation() (*conversation, error) {
	from := r.numbers.next()
	sender, err := r.Phone(from)
	if err != nil {
		return nil, fmt.Errorf("make a phone: %w", err)
	}
	return newConversation(from, sender, r.Expect), nil
}

// deliver makes a delivery, unless ctx has ended.
func (t task) deliver(ctx context.Context) outcome {
	began := t.due
	if began.IsZero() {
		began = time.Now()
	}
	o := outcome{task: t}
	if ctx.Err() == nil {
		o.delivery = t.conversation.phone.Send(ctx, t.conversation.text(t.message, t.cookieless))
	}
	o.took = time.Since(began)
	o.cutOff = ctx.Err() != nil && (o.delivery == nil || !o.delivery.OK())
	return o
}

// take adds an outcome to the results and to its conversation.
func (r *run) take(o outcome) error {
	r.results.add(o)
	o.conversation.record(o.message, o.delivery)
	if o.conversation.pending == 0 {
		r.ready = append(r.ready, o.conversation)
	}
	return o.notFollowed()
}

// notFollowed returns ErrNotFollowed if the webhook led the delivery to another server.
func (o outcome) notFollowed() error {
	if o.delivery != nil && o.delivery.NotFollowed != "" {
		return fmt.Errorf("%w: %q", ErrNotFollowed, o.delivery.NotFollowed)
	}
	return nil
}
