package node

import (
	"context"
	"errors"

	"golang.org/x/sync/singleflight"
)

// Ask asks all servers at the same time, and calls use with each answer, until use returns true or there are no more
// answers. The calls of use do not overlap. If no server answers, Ask returns the errors of all of them, joined. Once
// use returns true, Ask does not wait for the calls of ask that still run.
func Ask[Server, Answer any](servers []Server, ask func(Server) (Answer, error), use func(Answer) (enough bool)) error {
	type result struct {
		answer Answer
		err    error
	}
	results := make(chan result, len(servers))
	for _, server := range servers {
		go func() {
			answer, err := ask(server)
			results <- result{answer, err}
		}()
	}
	var errs []error
	for range servers {
		switch r := <-results; {
		case r.err != nil:
			errs = append(errs, r.err)
		case use(r.answer):
			return nil
		}
	}
	if len(errs) < len(servers) {
		return nil
	}
	return errors.Join(errs...)
}

// Share runs f once for all callers that call it with the same group at the same time, because in an outage every
// waiting message needs the same answer. A caller whose ctx ends gets the error of ctx. f continues for the other
// callers.
func Share[T any](ctx context.Context, group *singleflight.Group, f func() (T, error)) (result T, err error) {
	select {
	case shared := <-group.DoChan("", func() (any, error) { return f() }):
		result, _ = shared.Val.(T)
		return result, shared.Err
	case <-ctx.Done():
		return result, ctx.Err()
	}
}
