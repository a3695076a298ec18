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

	t := &transaction{manager: m, delivery: d, past: past, found: found, next: next}
	sessions := *m.scs
	sessions.Store, sessions.Codec = t, t
	session, err := sessions.Load(ctx, found.token) // calls FindCtx and Decode, unless the session is new
	if err != nil {
		return saved{}, err
	}
	sessions.SetDeadline(session, next.Deadline)
	token, expiry, err := sessions.Commit(session) // calls Encode and CommitCtx
	if err != nil {
		m.cache.remove(found.token)
		return saved{}, err
	}
	if d.turn == nil {
		m.cache.add(token, next)
	}
	return saved{token, expiry}, nil
}

// transaction is the Store and the Codec that scs uses for one commit. scs calls its methods in the order in which they
// are written here.
type transaction struct {
	scs.Store // nil: scs calls only the methods below
	manager   *Manager
	delivery  *delivery
	past      *history
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
		recordReply, pointerReply := t.send(ctx, conn,
			t.recordArgs(key, b, milliseconds),
			[]any{t.delivery.pointerKey, token, t.found.pointer, milliseconds})

		err := errors.Join(recordReply.err, pointerReply.err)
		if t.found.isCached && err == nil {
			t.manager.cache.count(recordReply.hasSaved())
		}
		if recordReply.hasSaved() && pointerReply.hasSaved() {
			return nil
		}
		left := traces{ownToken: t.past.ownToken}
		if t.found.isNew() {
			left.ownToken = token
		}
		isOwn := token == left.ownToken
		left.mayPoint = t.past.mayPoint || isOwn && (pointerReply.hasSaved() || pointerReply.err != nil)
		var early prefetched
		current, isRefused := recordReply.value.([]byte)
		switch {
		case err != nil:
		case recordReply.hasSaved() && !isOwn:
			// Only the sweep deletes the record under the request's own token. A later attempt may use the token again,
			// and a deletion that arrives late must not delete its record.
			_, _ = scripts.discard.Do(conn, key, b)
		case isRefused && t.found.isCached:
			early = prefetched{token, current}
		}
		return &commitError{cmp.Or(err, errConflict), left, early}
	})
}

// recordArgs returns the arguments of the script record. b is the new record. A repeat, which leaves the record as it
// is, does not send it.
func (t *transaction) recordArgs(key string, b []byte, milliseconds int64) []any {
	before := t.found.record
	if t.next == before {
		b = nil
	}
	return []any{key, before.Front(), len(before.Bytes()), b, milliseconds}
}

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

// scriptReply is the reply to a script. It is zero if the script was not sent.
type scriptReply struct {
	value any
	err   error
}

// hasSaved reports whether the script has saved its value.
func (r scriptReply) hasSaved() bool { return r.err == nil && r.value == int64(1) }

// text returns the value that the script find has returned: nil if there is no such key. It reports false if the script
// has failed, or if the value must not be read.
func (r scriptReply) text() (value []byte, isRead bool) {
	value, isText := r.value.([]byte)
	return value, r.err == nil && (isText || r.value == nil)
}

func run(conn redis.Conn, script *redis.Script, args []any) (r scriptReply) {
	r.value, r.err = script.Do(conn, args...)
	return r
}

func receive(conn redis.Conn) (r scriptReply) {
	r.value, r.err = conn.Receive()
	return r
}

// send runs the two scripts of a commit: in one round trip if the record exists, and otherwise one after the other. The
// last round trip also releases the turn. On a Cluster, its scripts could run in any order, so there the turn is
// released after it.
//
// A new record must exist before the pointer leads to it. Otherwise another replica would not find the record and would
// begin a new session. One round trip does not guarantee this order: on a Cluster the scripts run on two nodes, and a
// server may know only the second script.
func (t *transaction) send(
	ctx context.Context, conn redis.Conn, recordArgs, pointerArgs []any,
) (recordReply, pointerReply scriptReply) {
	if t.found.isNew() {
		recordReply = run(conn, scripts.record, recordArgs)
		if recordReply.hasSaved() {
			recordReply.err = ctx.Err()
		}
		if recordReply.hasSaved() {
			_, pointerReply = t.sendAtOnce(ctx, conn, nil, pointerArgs)
		}
	} else {
		recordReply, pointerReply = t.sendAtOnce(ctx, conn, recordArgs, pointerArgs)
	}
	turn := t.delivery.turn
	if turn != nil && t.manager.options.IsCluster && recordReply.hasSaved() && pointerReply.hasSaved() {
		_ = run(conn, scripts.discard, turn.release()) // if it fails, the turn expires
	}
	return recordReply, pointerReply
}

// sendAtOnce runs scripts in one round trip: that of the record if recordArgs is not nil, that of the pointer, and the
// release of the turn.
func (t *transaction) sendAtOnce(
	ctx context.Context, conn redis.Conn, recordArgs, pointerArgs []any,
) (recordReply, pointerReply scriptReply) {
	turn := t.delivery.turn
	releases := turn != nil && !t.manager.options.IsCluster
	var err error
	if recordArgs != nil {
		err = scripts.record.SendHash(conn, recordArgs...)
	}
	err = errors.Join(err, scripts.pointer.SendHash(conn, pointerArgs...))
	if releases {
		err = errors.Join(err, scripts.discard.SendHash(conn, turn.release()...))
	}
	if err = errors.Join(err, conn.Flush()); err != nil {
		return scriptReply{err: err}, scriptReply{err: err}
	}
	if recordArgs != nil {
		recordReply = receive(conn)
	}
	pointerReply = receive(conn)
	var released scriptReply
	if releases {
		released = receive(conn)
	}
	// A server does not know the scripts after a restart or a failover.
	if node.Code(recordReply.err) == "NOSCRIPT" && ctx.Err() == nil {
		recordReply = run(conn, scripts.record, recordArgs)
	}
	if node.Code(pointerReply.err) == "NOSCRIPT" && ctx.Err() == nil {
		pointerReply = run(conn, scripts.pointer, pointerArgs)
	}
	if node.Code(released.err) == "NOSCRIPT" && ctx.Err() == nil {
		_ = run(conn, scripts.discard, turn.release())
	}
	return recordReply, pointerReply
}
