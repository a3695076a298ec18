package systemtest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"smsession/internal/webhooktest"
)

type reply = webhooktest.Reply

// sender is a phone. It sends a cookie only if the test passes it on.
type sender struct{ *webhooktest.Sender }

// newSender returns a sender that no replica knows.
func newSender(tb testing.TB) *sender { return &sender{webhooktest.NewSender(tb)} }

// another returns a sender with another number that shares the connections of s.
func (s *sender) another() *sender {
	other := *s.Sender
	other.From = webhooktest.NewNumber()
	return &sender{&other}
}

// deliver posts a message and returns the reply. If there is no reply, the result has the status 0.
func (s *sender) deliver(server, route, sid, cookie string) reply {
	r, err := s.Send(server, route, sid, cookie)
	if err != nil {
		return reply{Body: err.Error()}
	}
	return r
}

// concurrently makes n deliveries at the same moment.
func concurrently(n int, deliver func(i int) reply) []reply {
	replies := make([]reply, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range replies {
		group.Go(func() {
			<-start
			replies[i] = deliver(i)
		})
	}
	close(start)
	group.Wait()
	return replies
}

// number returns the count in a text of the tutorial, or 0 for any other text.
func number(text string) int {
	if n, isGreeting := webhooktest.Number(text); isGreeting {
		return n
	}
	return 0
}

// maxViolations is how many violations checkCounts returns. One lost message makes all later replies wrong.
const maxViolations = 5

// checkCounts checks that the replies have each number from first to last once, in any order. It returns the violations
// as sentences.
func checkCounts(replies []reply, first, last int) []string {
	var violations []string
	seen := map[int]int{}
	for _, r := range replies {
		if n := number(r.Text()); n != 0 {
			seen[n]++
		} else {
			violations = append(violations, fmt.Sprintf("a reply is %q", r.Text()))
		}
	}
	for n := first; n <= last; n++ {
		if seen[n] == 0 {
			violations = append(violations, fmt.Sprintf("no reply has the number %d", n))
		}
	}
	for n, times := range seen {
		if times > 1 || n < first || n > last {
			violations = append(violations, fmt.Sprintf("%d replies have the number %d", times, n))
		}
	}
	slices.Sort(violations)
	if len(violations) > maxViolations {
		violations = append(violations[:maxViolations], fmt.Sprintf("and %d more", len(violations)-maxViolations))
	}
	return violations
}

// report fails the test with each violation.
func report(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}
