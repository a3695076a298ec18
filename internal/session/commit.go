package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// commitError is the error of a commit whose commands were sent. If it is an errConflict, the record or the pointer has
// changed. Otherwise the record may be saved, not saved, or saved later.
type commitError struct {
	error
	token          string
	mayHaveCreated bool    // there was no record, and there may be one now
	mayPoint       bool    // the pointer may contain a token of this request now or later
	current        current // the record that is there instead of a cached one
}

func (e *commitError) Unwrap() error { return e.error }

// commit saves the record after a message if the session has not changed since find read it, and sets the pointer if it
// does not lead to another session. scs makes the token of a new session, and applies the time-outs. commit returns the
// token and when the session expires.
//
// The error is a *commitError if a command was sent. Otherwise it is ErrGone or an error of Redis.
func (m *Manager) commit(ctx, client context.Context, d delivery, past history, found snapshot, next record.Record) (token string, expiry time.Time, err error) {
	if err := m.slots.acquire(ctx, client); err != nil {
		return "", time.Time{}, err
	}
	defer m.slots.release()

	next = next.Encode()
	t := &transaction{store: m.store, pointerKey: d.pointerKey, ownToken: past.ownToken, found: found}
	sessions := *m.scs
	sessions.Store, sessions.Codec = t, t
	session, err := sessions.Load(ctx, found.token)
	if err != nil {
		return "", time.Time{}, err
	}
	sessions.SetDeadline(session, next.Deadline)
	sessions.Put(session, recordKey, &next)
	token, expiry, err = sessions.Commit(session)
	if err != nil {
		m.store.cache.remove(found.token)
		return "", time.Time{}, err
	}
	m.store.cache.add(token, next)
	return token, expiry, nil
}

// transaction is the Store and the Codec that scs uses for one commit.
type transaction struct {
	store      *store
	pointerKey string
	ownToken   string // the token that the request made in an earlier attempt
	found      snapshot
}

// recordKey is the key of the session's only value in scs.
const recordKey = "record"

var (
	_ scs.CtxStore = (*transaction)(nil)
	_ scs.Codec    = (*transaction)(nil)

	errUnsafe = errors.New("a session is only changed by compare-and-set")
)

// FindCtx makes scs keep the token of the snapshot.
func (t *transaction) FindCtx(context.Context, string) ([]byte, bool, error) { return nil, true, nil }

// Decode returns a session without values.
func (t *transaction) Decode([]byte) (time.Time, map[string]any, error) {
	return t.found.record.Deadline, map[string]any{}, nil
}

// Encode returns the JSON form of the record in values. It contains the deadline.
func (t *transaction) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	return values[recordKey].(*record.Record).Bytes(), nil
}

// CommitCtx saves the record and sets the pointer. This takes one round trip, or two if the record is new.
func (t *transaction) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	conn, err := t.store.connect(ctx)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	defer conn.Close()
	milliseconds := max(time.Until(expiry).Milliseconds(), 1)
	setRecord := call{scripts.record, t.store.keys.Session(token), t.found.record.Bytes(), b, milliseconds}
	setPointer := call{scripts.pointer, t.pointerKey, token, t.found.pointer, milliseconds}
	var r replies
	if t.found.exists {
		r = oneRoundTrip(ctx, conn, setRecord, setPointer)
	} else {
		r = recordFirst(ctx, conn, setRecord, setPointer)
	}
	isOwn := !t.found.exists || token == t.ownToken
	failed := &commitError{token: token, mayHaveCreated: !t.found.exists, mayPoint: isOwn && r.pointerErr != nil}
	if err := errors.Join(r.recordErr, r.pointerErr); err != nil {
		failed.error = fmt.Errorf("save session: %w", err)
		return failed
	}
	isSaved := r.record == int64(1)
	if t.found.isCached {
		t.store.cache.judge(isSaved)
	}
	switch {
	case isSaved && r.pointer == int64(1):
		return nil
	case isSaved && !isOwn:
		// Only the sweep deletes the record under the request's own token. A later attempt may use the token again, and
		// a deletion that arrives late must not delete its record.
		_, _ = scripts.discard.Do(conn, setRecord.key, b)
	case !isSaved && t.found.isCached:
		failed.current.token = token
		failed.current.value, _ = r.record.([]byte)
	}
	failed.error = errConflict
	return failed
}

// scs does not call the other methods. They would change a session without a comparison.
func (t *transaction) Find(string) ([]byte, bool, error)       { return nil, false, errUnsafe }
func (t *transaction) Commit(string, []byte, time.Time) error  { return errUnsafe }
func (t *transaction) Delete(string) error                     { return errUnsafe }
func (t *transaction) DeleteCtx(context.Context, string) error { return errUnsafe }

// call is a call of a script of a commit.
type call struct {
	script       *script
	key          string
	before       any // the value that was read
	after        any // the value to write
	milliseconds int64
}

// replies are the replies to the two calls of a commit.
type replies struct {
	record, pointer       any
	recordErr, pointerErr error
}

// oneRoundTrip sends both calls together.
func oneRoundTrip(ctx context.Context, conn redis.Conn, setRecord, setPointer call) (r replies) {
	if err := errors.Join(setRecord.send(conn), setPointer.send(conn), conn.Flush()); err != nil {
		return replies{recordErr: err, pointerErr: err}
	}
	r.record, r.recordErr = conn.Receive()
	r.pointer, r.pointerErr = conn.Receive()
	r.record, r.recordErr = setRecord.repeatIfUnknown(ctx, conn, r.record, r.recordErr)
	r.pointer, r.pointerErr = setPointer.repeatIfUnknown(ctx, conn, r.pointer, r.pointerErr)
	return r
}

// recordFirst sends the second call only if the first one has saved the record: a new record must exist before the
// pointer leads to it. Otherwise another replica would not find the record and would begin a new session. One round trip
// does not guarantee this order: on a Cluster the calls run on two nodes, and a server may know only the second script.
func recordFirst(ctx context.Context, conn redis.Conn, setRecord, setPointer call) (r replies) {
	if r.record, r.recordErr = setRecord.run(ctx, conn); r.recordErr != nil || r.record != int64(1) {
		return r
	}
	if r.recordErr = ctx.Err(); r.recordErr != nil {
		return r
	}
	r.pointer, r.pointerErr = setPointer.run(ctx, conn)
	return r
}

func (c call) send(conn redis.Conn) error {
	return conn.Send("EVALSHA", c.script.hash, 1, c.key, c.before, c.after, c.milliseconds)
}

func (c call) run(ctx context.Context, conn redis.Conn) (any, error) {
	if err := errors.Join(c.send(conn), conn.Flush()); err != nil {
		return nil, err
	}
	reply, err := conn.Receive()
	return c.repeatIfUnknown(ctx, conn, reply, err)
}

// repeatIfUnknown returns the reply to the call. If the server did not know the script, for example after a restart or a
// failover, it sends the call again, with the text of the script.
func (c call) repeatIfUnknown(ctx context.Context, conn redis.Conn, reply any, err error) (any, error) {
	if err != nil && ctx.Err() == nil && isCode(err, "NOSCRIPT") {
		return c.script.Do(conn, c.key, c.before, c.after, c.milliseconds)
	}
	return reply, err
}
