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

// delivery is one HTTP request with a message, from the first attempt to answer it to the last. One goroutine works on
// it. Its methods as a context are safe for concurrent use.
//
// It is also the context of its own commands: context.WithTimeout would start a timer for every message, but only a
// message that has to wait needs a timer.
type delivery struct {
	context.Context // the context of the request; only its values and its end are used
	deadline        time.Time
	waiting         sync.Once
	done            chan struct{} // made by the first call of Done
	timer           *time.Timer

	message       conversation.Message
	sid, to, from string // as name writes them
	key           string // of the conversation's pointer
	cookie        string // the token in the request's cookie, "" unless it can be one
	report        *Report

	// The fields of the current attempt:
	raw      []byte // the record as it was read or guessed; nil if there was no record
	guessed  bool   // raw is a guess
	pointer  string // the value of the pointer; "" if it was not read
	suspect  bool   // the record of the cookie is of a later version, and its addresses cannot be read
	err      error  // why the attempt failed
	saved    string // the token under which the session was saved
	response response

	// The fields of all attempts:
	sent     bool   // a command to save the message was sent
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

// reset clears the fields of the attempt, with its response.
func (d *delivery) reset() {
	d.raw, d.guessed, d.pointer, d.suspect, d.err, d.saved, d.report.Result = nil, false, "", false, nil, "", ""
	d.response = response{}
}

// gone returns a channel that is closed when the client has hung up. Once a command to save the message was sent, it
// returns nil, because a commit must not be interrupted.
func (d *delivery) gone() <-chan struct{} {
	if d.sent {
		return nil
	}
	return d.Context.Done()
}

// unlessGone returns ErrGone if the client has hung up and no command to save the message was sent. Otherwise it
// returns err.
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

// Deadline returns the end of the budget.
func (d *delivery) Deadline() (time.Time, bool) { return d.deadline, true }

// Done returns a channel that is closed at the deadline. It is not closed when the client hangs up, because a commit
// must not be interrupted.
func (d *delivery) Done() <-chan struct{} {
	d.waiting.Do(func() {
		d.done = make(chan struct{})
		d.timer = time.AfterFunc(time.Until(d.deadline), func() { close(d.done) })
	})
	return d.done
}

// end stops the timer. No goroutine may wait for the delivery any more.
func (d *delivery) end() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// Err returns context.DeadlineExceeded after the budget is spent, and nil before.
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

// response contains the response of an attempt until the session is saved.
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

// copyTo sends the response. If the client has hung up, a repeat of the message gets the same response.
func (r *response) copyTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	r.WriteHeader(http.StatusOK)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}
