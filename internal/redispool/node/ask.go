package node

// AskAll asks all servers at the same time, and calls use with each answer, until use returns true or there are no more
// answers. It returns the errors so far.
func AskAll[Server, Answer any](servers []Server, ask func(Server) (Answer, error), use func(Answer) (enough bool)) []error {
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
		r := <-results
		if r.err != nil {
			errs = append(errs, r.err)
		} else if use(r.answer) {
			break
		}
	}
	return errs
}
