package session

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
	"smsession/internal/session/record"
)

// saved is a session that a commit has saved.
type saved struct {
	token  string
	expiry time.Time
}

// commit saves the record after a message if the session has not changed since find read it, and sets the pointer if it
// does not lead to another session. scs makes the token of a new session, and applies the time-outs.
//
// The error is a *commitError if a command was sent. Otherwise it is ErrGone, the error of ctx, or an error of Redis.
func (m *Manager) commit(
	ctx context.Context, d *delivery, past *history, found snapshot, next *record.Record,
) (saved, error) {
	hangUp := past.hangUp
	if d.turn != nil {
		hangUp = nil // otherwise the app would get the message again
	}
	if err := m.slots.acquire(ctx, hangUp); err != nil {
		return saved{}, err
	}
	defer m.slots.release()

	t := &transaction{sessions: *m.scs, manager: m, delivery: d, before: past.traces, found: found, next: next}
	t.sessions.Store, t.sessions.Codec = t, t
	session, err := t.sessions.Load(ctx, found.token) // calls FindCtx and Decode, unless the session is new
	if err != nil {
		return saved{}, err
	}
	if found.token == "" {
		t.sessions.SetDeadline(session, next.Deadline)
	}
	token, expiry, err := t.sessions.Commit(session) // calls Encode and CommitCtx
	if err != nil {
		m.cache.remove(found.token)
		return saved{}, err
	}
	m.cache.add(token, found.cached, next)
	return saved{token, expiry}, nil
}

// transaction is the Store and the Codec that scs uses for one commit. scs calls its methods in the order in which they
// are written here.
type transaction struct {
	scs.Store // nil: scs calls only the methods below
	sessions  scs.SessionManager
	manager   *Manager
	delivery  *delivery
	before    traces // of the earlier attempts
	found     snapshot
	next      *record.Record
}

// FindCtx makes scs keep the token of the snapshot.
func (t *transaction) FindCtx(context.Context, string) ([]byte, bool, error) { return nil, true, nil }

// Decode returns a session without values, because the record contains everything.
func (t *transaction) Decode([]byte) (time.Time, map[string]any, error) {
	return t.next.Deadline, nil, nil
}

// Encode returns the JSON form of the record, which contains the deadline.
func (t *transaction) Encode(time.Time, map[string]any) ([]byte, error) { return t.next.Bytes(), nil }

// CommitCtx saves the record and sets the pointer.
func (t *transaction) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	return withConn(ctx, t.manager.options.Pool, "save session", func(conn redis.Conn) error {
		key, milliseconds := t.manager.keys.Session(token), max(time.Until(expiry).Milliseconds(), 1)
		recordReply, pointerReply := t.send(ctx, conn, t.save(key, b, milliseconds),
			renewal{t.delivery.pointerKey, token, t.found.pointer, milliseconds})

		err := errors.Join(recordReply.err, pointerReply.err)
		if t.found.cached != nil && err == nil {
			t.manager.cache.count(recordReply.hasSaved())
		}
		if recordReply.hasSaved() && pointerReply.hasSaved() {
			return nil
		}
		left := traces{ownToken: t.before.ownToken}
		if t.found.isNew() {
			left.ownToken = token
		}
		isOwn := token == left.ownToken
		left.mayPoint = t.before.mayPoint || isOwn && (pointerReply.hasSaved() || pointerReply.err != nil)
		var early prefetched
		current, isRefused := recordReply.value.([]byte)
		switch {
		case err != nil:
		case recordReply.hasSaved() && !isOwn:
			// Only the sweep deletes the record under the request's own token. A later attempt may use the token again,
			// and a deletion that arrives late must not delete its record.
			_, _ = scripts.discard.Do(conn, key, b)
		case isRefused && t.found.cached != nil:
			early = prefetched{token, current}
		}
		return &commitError{cmp.Or(err, errConflict), left, early}
	})
}

// save returns the call that saves the record. b is the new record. A repeat, which leaves the record as it is, has no
// changes.
func (t *transaction) save(key string, b []byte, milliseconds int64) call {
	before := t.found.record
	front := before.Front()
	c := newCall(scripts.record, usualChanges, key, front, len(front)-1, len(before.Bytes()), milliseconds)
	if t.next != before {
		c.args = record.AppendChanges(c.args, before.Bytes(), b)
	}
	return c
}

// usualChanges is the number of arguments for the changes of a full record: its beginning, and two places in its list.
const usualChanges = 6

// renewal sets a pointer to a token and renews it. before is the token that was read; "" if there was none.
type renewal struct {
	key, token, before string
	milliseconds       int64 // the time to live
}

// script returns the call that does it.
func (r renewal) script() call {
	return newCall(scripts.pointer, 0, r.key, r.token, r.before, r.milliseconds)
}

// renew returns the call that only renews the pointer, and returns its value.
func (r renewal) renew() call { return call{nil, []any{r.key, "PX", r.milliseconds}} }

// traces are what the commits of a request may have left in Redis.
type traces struct {
	ownToken string // the token under which the request may have made a record, now or later; "" if there is none
	mayPoint bool   // the pointer may contain ownToken now or later
}

// commitError is the error of a commit whose commands were sent. If it is an errConflict, the record or the pointer has
// changed. Otherwise the record may be saved, not saved, or saved later.
type commitError struct {
	error
	traces
	early prefetched // the record that Redis has, if it refused a commit against a cached one
}

func (e *commitError) Unwrap() error { return e.error }

// send runs the two steps of a commit: in one round trip if the record exists, and otherwise one after the other. The
// last round trip also releases the turn. On a Cluster, its commands could run in any order, so there the turn is
// released after it.
//
// A new record must exist before the pointer leads to it. Otherwise another replica would not find the record and would
// begin a new session. One round trip does not guarantee this order: on a Cluster the scripts run on two nodes, and a
// server may know only the second script.
func (t *transaction) send(
	ctx context.Context, conn redis.Conn, save call, pointer renewal,
) (recordReply, pointerReply reply) {
	var release []call
	if t.delivery.turn != nil {
		release = []call{newCall(scripts.discard, 0, t.delivery.turn.release()...)}
	}
	atOnce := release
	if t.manager.options.IsCluster {
		atOnce = nil
	}
	if t.found.isNew() {
		recordReply = save.run(conn)
		if recordReply.hasSaved() {
			recordReply.err = ctx.Err()
		}
		if recordReply.hasSaved() {
			pointerReply = runAtOnce(ctx, conn, append([]call{pointer.script()}, atOnce...)...)[0]
		}
	} else {
		recordReply, pointerReply = t.sendBoth(ctx, conn, save, pointer, atOnce)
	}
	if t.manager.options.IsCluster && recordReply.hasSaved() && pointerReply.hasSaved() {
		runAtOnce(ctx, conn, release...) // if it fails, the turn expires
	}
	return recordReply, pointerReply
}

// sendBoth saves the record of a session that exists, and renews its pointer, in one round trip. In almost all
// conversations the pointer is there and leads to the session, so GETEX is enough: it costs Redis a fifth of a script.
// If the pointer has another value, and the record is saved, the script decides what to do with the pointer.
//
// GETEX returns the whole value, even if it is large. A pointer that somebody has overwritten with a large value is
// read once, because the script then sets it again.
func (t *transaction) sendBoth(
	ctx context.Context, conn redis.Conn, save call, pointer renewal, release []call,
) (recordReply, pointerReply reply) {
	replies := runAtOnce(ctx, conn, append([]call{save, pointer.renew()}, release...)...)
	recordReply, pointerReply = replies[0], replies[1]
	token, isText := pointerReply.value.([]byte)
	isKnown := pointerReply.err == nil || node.Code(pointerReply.err) == "WRONGTYPE"
	switch {
	case isText && string(token) == pointer.token:
		pointerReply.value = int64(1)
	case !isKnown:
	case !recordReply.hasSaved():
		pointerReply = reply{}
	case ctx.Err() != nil:
		pointerReply = reply{err: ctx.Err()}
	default:
		pointerReply = pointer.script().run(conn)
	}
	return recordReply, pointerReply
}
