package session

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"

	"smsession/internal/conversation"
)

// delivery is one HTTP request that brings a message, from the first attempt to answer it to the last. One goroutine
// works on it; its methods as a context are safe for concurrent use.
//
// It is the context of its own commands, too: context.WithTimeout would start a timer for every message, and only one
// that has to wait needs it.
type delivery struct {
	context.Context // the request's, for its values alone
	deadline        time.Time
	waiting         sync.Once
	done            chan struct{} // made when somebody waits
	timer           *time.Timer

	message       conversation.Message
	sid, to, from string // as name writes them
	key           string // of the conversation's pointer
	cookie        string // the token in the request's cookie, "" unless it can be one
	report        *Report

	// Of the attempt under way:
	raw      []byte // the record as it was read or guessed, nil if there was none
	guessed  bool   // raw is a guess
	pointer  string // what the pointer held, "" if that was not read
	suspect  bool   // the cookie's record is of a later version, and does not say whose it is
	err      error  // why it came to nothing
	saved    string // the token under which it was saved
	response response

	// Of all attempts:
	sent     bool   // something was sent to save the message
	own      string // the token that the request made; "" if it has made none
	created  bool   // there may be a record under own
	pointing bool   // the pointer may contain own now or later, because the step that sets it got no answer

	brought brought // the record that refused a wrong guess
	scratch *scratch
}

// brought is the record of a token that a refused commit has returned.
type brought struct {
	token  string
	record []byte
}

// reset forgets the attempt, its response and all.
func (d *delivery) reset() {
	d.raw, d.guessed, d.pointer, d.suspect, d.err, d.saved, d.report.Result = nil, false, "", false, nil, "", ""
	d.response = response{}
}

// gone returns a channel that is closed when the client has hung up. It returns nil once something was sent to save the
// message, because a commit must not be interrupted.
func (d *delivery) gone() <-chan struct{} {
	if d.sent {
		return nil
	}
	return d.Context.Done()
}

// unlessGone returns ErrGone if the client has hung up and nothing was sent, and err otherwise.
func (d *delivery) unlessGone(err error) error {
	if !d.sent && d.Context.Err() != nil && !errors.Is(err, ErrNewer) {
		return ErrGone
	}
	return err
}

// unpointed returns err, an error of the step that sets the pointer, and notes in d that the pointer may still be set.
func (d *delivery) unpointed(err error) error {
	d.pointing = d.pointing || err != nil
	return err
}

var _ context.Context = (*delivery)(nil)

// Deadline is the end of the budget.
func (d *delivery) Deadline() (time.Time, bool) { return d.deadline, true }

// Done is closed at the deadline, and not when the client hangs up: a commit must not be cut in half by that.
func (d *delivery) Done() <-chan struct{} {
	d.waiting.Do(func() {
		d.done = make(chan struct{})
		d.timer = time.AfterFunc(time.Until(d.deadline), func() { close(d.done) })
	})
	return d.done
}

// end stops the timer. Nobody waits any more.
func (d *delivery) end() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// Err is context.DeadlineExceeded once the budget is spent.
func (d *delivery) Err() error {
	if time.Now().Before(d.deadline) {
		return nil
	}
	return context.DeadlineExceeded
}

// Value returns the delivery itself for its own key.
func (d *delivery) Value(key any) any {
	if key == (deliveryKey{}) {
		return d
	}
	return d.Context.Value(key)
}

type deliveryKey struct{}

func deliveryFrom(ctx context.Context) *delivery {
	d, _ := ctx.Value(deliveryKey{}).(*delivery)
	return d
}

// response holds what an attempt answers until it is saved.
type response struct {
	header http.Header
	status int
	body   []byte
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *response) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, b...)
	return len(b), nil
}

// copyTo sends the response. A sender that is gone gets the same one with the repeat.
func (r *response) copyTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	r.WriteHeader(http.StatusOK)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}
