package load

import "context"

// try finds out whether the webhook counts, if o.Expect does not decide that. It sends two messages, one after the
// other, in a conversation of their own. Unless o.Resend is 0, it sends the second one again, so that even a short load
// compares a repeat. It stops after an error.
func (r *run) try(ctx context.Context) error {
	if r.Expect.name != ExpectAuto {
		return nil
	}
	c, err := r.newConversation()
	if err != nil {
		return err
	}
	rounds := []struct{ message, isNew int }{{0, 1}, {1, 1}, {1, 0}}
	if r.Resend == 0 {
		rounds = rounds[:2]
	}
	for _, round := range rounds {
		c.begin(round.isNew, 1)
		o := task{conversation: c, message: int32(round.message)}.deliver(ctx)
		c.record(o.message, o.delivery)
		if o.delivery == nil || !o.delivery.OK() {
			err = o.notFollowed()
			break
		}
		r.proof.tried = append(r.proof.tried, quoted(o.delivery.Replies))
	}
	r.proof.examine(c)
	r.proof.Counting = r.proof.Counted > 0
	r.proof.Counted, r.proof.Unanswered = 0, 0 // the report counts the messages of the load
	return err
}
