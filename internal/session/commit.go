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

// commit saves the record after a message if the session has not changed since find read it, and sets the pointer if it
// does not lead to another session. scs makes the token of a new session, and applies the time-outs. commit returns the
// token and when the session expires.
//
// The error is a *commitError if a command was sent. Otherwise it is ErrGone or an error of Redis.
func (m *Manager) commit(ctx, client context.Context, d *delivery, past *history, found snapshot, next *record.Record) (token string, expiry time.Time, err error) {
	if err := m.store.slots.acquire(ctx, client); err != nil {
		return "", time.Time{}, err
	}
	defer m.store.slots.release()

	t := &transaction{store: m.store, pointerKey: d.pointerKey, ownToken: past.ownToken, found: found, next: next}
	sessions := *m.scs
	sessions.Store, sessions.Codec = t, t
	session, err := sessions.Load(ctx, found.token)
	if err != nil {
		return "", time.Time{}, err
	}
	sessions.SetDeadline(session, next.Deadline)
	token, expiry, err = sessions.Commit(session)
	if err != nil {
		m.store.cache.remove(found.token)
		return "", time.Time{}, err
	}
	m.store.cache.add(token, next)
	return token, expiry, nil
}

// commitError is the error of a commit whose commands were sent. If it is an errConflict, the record or the pointer has
// changed. Otherwise the record may be saved, not saved, or saved later.
type commitError struct {
	error
	ownToken    string // there may be a new record under this token now or later; "" if there was a record before
	mayPoint    bool   // the pointer may contain a token of this request now or later
	replaced    string // the token of a cached record; "" if the record was not cached, or is gone
	replacement []byte // the record that Redis has instead of the cached one
}

func (e *commitError) Unwrap() error { return e.error }

// transaction is the Store and the Codec that scs uses for one commit.
type transaction struct {
	scs.Store  // nil: scs calls only the methods below
	store      *store
	pointerKey string
	ownToken   string // the token that the request made in an earlier attempt
	found      snapshot
	next       *record.Record
}

// FindCtx makes scs keep the token of the snapshot.
func (t *transaction) FindCtx(context.Context, string) ([]byte, bool, error) { return nil, true, nil }

// Decode returns a session without values, because the record contains everything.
func (t *transaction) Decode([]byte) (time.Time, map[string]any, error) {
	return t.found.record.Deadline, map[string]any{}, nil
}

// Encode returns the JSON form of the record, which contains the deadline.
func (t *transaction) Encode(time.Time, map[string]any) ([]byte, error) {
	return t.next.Bytes(), nil
}

// CommitCtx saves the record and sets the pointer.
func (t *transaction) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	conn, err := t.store.connect(ctx)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	defer conn.Close()
	milliseconds := max(time.Until(expiry).Milliseconds(), 1)
	key := t.store.keys.Session(token)
	r := t.send(ctx, conn,
		[]any{key, t.found.record.Bytes(), b, milliseconds},
		[]any{t.pointerKey, token, t.found.pointer, milliseconds})

	isSaved, isPointed := r.record == int64(1), r.pointer == int64(1)
	err = errors.Join(r.recordErr, r.pointerErr)
	if t.found.isCached && err == nil {
		t.store.cache.count(isSaved)
	}
	if err == nil && isSaved && isPointed {
		return nil
	}
	isOwn := !t.found.exists || token == t.ownToken
	failed := &commitError{error: errConflict, mayPoint: isOwn && r.pointerErr != nil}
	if !t.found.exists {
		failed.ownToken = token
	}
	switch {
	case err != nil:
		failed.error = fmt.Errorf("save session: %w", err)
	case isSaved && !isOwn:
		// Only the sweep deletes the record under the request's own token. A later attempt may use the token again, and
		// a deletion that arrives late must not delete its record.
		_, _ = scripts.discard.Do(conn, key, b)
	case !isSaved && t.found.isCached:
		if value, exists := r.record.([]byte); exists {
			failed.replaced, failed.replacement = token, value
		}
	}
	return failed
}

// replies are the replies to the two scripts of a commit.
type replies struct {
	record, pointer       any
	recordErr, pointerErr error
}

// send runs the two scripts of a commit: in one round trip if the record exists, and otherwise one after the other.
//
// A new record must exist before the pointer leads to it. Otherwise another replica would not find the record and would
// begin a new session. One round trip does not guarantee this order: on a Cluster the scripts run on two nodes, and a
// server may know only the second script.
func (t *transaction) send(ctx context.Context, conn redis.Conn, recordArgs, pointerArgs []any) (r replies) {
	if !t.found.exists {
		r.record, r.recordErr = scripts.record.Do(conn, recordArgs...)
		if r.recordErr == nil && r.record == int64(1) {
			r.recordErr = ctx.Err()
		}
		if r.recordErr == nil && r.record == int64(1) {
			r.pointer, r.pointerErr = scripts.pointer.Do(conn, pointerArgs...)
		}
		return r
	}
	err := errors.Join(scripts.record.SendHash(conn, recordArgs...), scripts.pointer.SendHash(conn, pointerArgs...), conn.Flush())
	if err != nil {
		return replies{recordErr: err, pointerErr: err}
	}
	r.record, r.recordErr = conn.Receive()
	r.pointer, r.pointerErr = conn.Receive()
	// A server does not know the scripts after a restart or a failover.
	if isCode(r.recordErr, "NOSCRIPT") && ctx.Err() == nil {
		r.record, r.recordErr = scripts.record.Do(conn, recordArgs...)
	}
	if isCode(r.pointerErr, "NOSCRIPT") && ctx.Err() == nil {
		r.pointer, r.pointerErr = scripts.pointer.Do(conn, pointerArgs...)
	}
	return r
}
