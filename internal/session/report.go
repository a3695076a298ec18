package session

import (
	"errors"
	"time"
)

// Report is what became of a delivery, for the log and the metrics.
type Report struct {
	// Received is when the request came in, if the caller knows: the budget runs from there, so that a body which took
	// its time to arrive does not take the sum past what Twilio waits.
	Received time.Time

	Result    Result    // "" if it failed
	Attempts  int       // 0 if it was not let in, or shared the outcome of another request
	Conflicts int       // of those, the ones that lost to another replica
	Missed    time.Time // when the first attempt came to nothing; zero if none did
}

// missed takes note of an attempt that came to nothing.
func (r *Report) missed(err error) {
	if r.Missed.IsZero() {
		r.Missed = time.Now()
	}
	if errors.Is(err, errConflict) {
		r.Conflicts++
	}
}

// InProgress is how many deliveries the Manager holds now, those that wait included.
func (m *Manager) InProgress() int {
	m.queue.mu.Lock()
	defer m.queue.mu.Unlock()
	return m.queue.count
}
