package phone

import (
	"context"
	"time"
)

// roundTrip sends a request and reads the answer to it. The answer's body is good until the buffers are used again.
//
// A connection that was kept can be closed by its server just when the request is sent. If the request could not be
// written, it was not received, and another connection is taken. If it was written, nobody can tell, so it is not sent
// again: a message is delivered twice only where the connection overrides ask for that.
func (n *Network) roundTrip(ctx context.Context, r *request, end time.Time, b *buffers) (answer, *failure) {
	if ctx.Err() != nil {
		return answer{}, stopped()
	}
	b.wire = r.appendTo(b.wire[:0])
	a, failed := n.attempt(ctx, r.to, end, b)
	for failed != nil && failed.stale {
		a, failed = n.attempt(ctx, r.to, end, b)
	}
	switch {
	case failed == nil:
		return a, nil
	case ctx.Err() != nil:
		return answer{}, stopped()
	case failed.code == 11205 && r.to.overrides.totalSet && !time.Now().Before(end):
		return answer{}, &failure{code: 11203, detail: "The total time that the URL's tt allows was over."}
	}
	return answer{}, failed
}

// attempt takes the request to the server and the answer back, and keeps the connection if that is possible.
func (n *Network) attempt(ctx context.Context, to *site, end time.Time, b *buffers) (answer, *failure) {
	c, failed := n.get(ctx, to, end)
	if failed != nil {
		return answer{}, failed
	}
	unwatched := c.watch(ctx)
	a, reusable, failed := c.carry(b)
	if unwatched() && reusable {
		n.put(c)
	} else {
		c.Close()
	}
	return a, failed
}

// watch ends what the connection waits for when the context ends. The function that it returns stops that, and reports
// whether the context has left the connection alone.
func (c *conn) watch(ctx context.Context) func() bool {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
}

// carry writes the request and reads the answer.
func (c *conn) carry(b *buffers) (a answer, reusable bool, failed *failure) {
	if _, err := c.Write(b.wire); err != nil {
		return answer{}, false, c.failure(err, true)
	}
	a, reusable, err := readAnswer(c, b.body)
	if err != nil {
		return answer{}, false, c.failure(err, false)
	}
	b.body = a.body
	return a, reusable, nil
}

// failure names what kept the answer from coming.
func (c *conn) failure(err error, writing bool) *failure {
	if c.lost != nil {
		err = c.lost
	}
	if c.heard || !c.used || isTimeout(err) {
		return answerFailure(err, c.heard)
	}
	return &failure{
		code:   11206,
		detail: "The connection, kept from an earlier request, was closed before an answer came. This may have been by chance.",
		class:  retryRest,
		stale:  writing,
	}
}
