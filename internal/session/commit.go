package session

import (
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

// traces are what the commits of a request may have left in Redis, and what the last commit has found there.
type traces struct {
	isSent   bool   // a command to save the message was sent
	ownToken string // the token under which the request may have made a record, now or later; "" if there is none
	mayPoint bool   // the pointer may contain ownToken now or later

	// If Redis refused a commit against a cached record, replaced is the token and replacement is the record that Redis
	// has. The next attempt uses it instead of a read. Otherwise replaced is "".
	replaced    string
	replacement []byte
}

// commit saves the record after a message if the session has not changed since find read it, and sets the pointer if it
// does not lead to another session. The traces are zero if no command was sent.
//
// The error is errConflict if the record or the pointer has changed. Otherwise it is ErrGone, the error of ctx, or an
// error of Redis. After such an error, if a command was sent, the record may be saved, not saved, or saved later.
func (m *Manager) commit(
	ctx context.Context, d *delivery, past *history, found snapshot, next *record.Record,
) (s saved, left traces, err error) {
	if err = m.slots.acquire(ctx, past.hangUp); err != nil {
		return saved{}, traces{}, err
	}
	defer m.slots.release()

	if s, err = m.prepare(ctx, found.token, next.Deadline); err != nil {
		return saved{}, traces{}, err
	}
	err = withConn(ctx, m.options.Pool, "save session", func(conn redis.Conn) (err error) {
		left, err = (&transaction{m, d, past, found, next, s}).save(ctx, conn)
		return err
	})
	if err != nil {
		m.cache.remove(found.token)
		return saved{}, left, err
	}
	m.cache.add(s.token, next)
	return s, left, nil
}

// prepare returns the token and the expiry of the session to save. scs makes the token of a new session, and applies
// the time-outs.
func (m *Manager) prepare(ctx context.Context, token string, deadline time.Time) (saved, error) {
	session, err := m.scs.Load(ctx, token)
	if err != nil {
		return saved{}, err
	}
	m.scs.SetDeadline(session, deadline)
	token, expiry, err := m.scs.Commit(session)
	return saved{token, expiry}, err
}

// noStore is the Store and the Codec of scs. It stores nothing, because scs cannot compare before it saves. FindCtx
// makes scs keep the token. scs calls no method but these.
type noStore struct{ scs.Store }

func (noStore) FindCtx(context.Context, string) ([]byte, bool, error)      { return nil, true, nil }
func (noStore) CommitCtx(context.Context, string, []byte, time.Time) error { return nil }
func (noStore) Encode(time.Time, map[string]any) ([]byte, error)           { return nil, nil }
func (noStore) Decode([]byte) (t time.Time, _ map[string]any, _ error)     { return t, nil, nil }

// transaction is one commit: next replaces the record in found.
type transaction struct {
	manager  *Manager
	delivery *delivery
	past     *history
	found    snapshot
	next     *record.Record
	saved
}

// save sends the commands of a commit. Its error is errConflict or an error of Redis.
func (t *transaction) save(ctx context.Context, conn redis.Conn) (traces, error) {
	key, milliseconds := t.manager.keys.Session(t.token), max(time.Until(t.expiry).Milliseconds(), 1)
	recordReply, pointerReply := send(ctx, conn, t.found.isNew(),
		[]any{key, t.found.record.Bytes(), t.next.Bytes(), milliseconds},
		[]any{t.delivery.pointerKey, t.token, t.found.pointer, milliseconds})

	err := errors.Join(recordReply.err, pointerReply.err)
	if t.found.isCached && err == nil {
		t.manager.cache.count(recordReply.hasSaved())
	}
	left := traces{isSent: true, ownToken: t.past.ownToken}
	if t.found.isNew() {
		left.ownToken = t.token
	}
	isOwn := t.token == left.ownToken
	left.mayPoint = t.past.mayPoint || isOwn && (pointerReply.hasSaved() || pointerReply.err != nil)
	current, isRefused := recordReply.value.([]byte)
	switch {
	case err != nil:
		return left, err
	case recordReply.hasSaved() && pointerReply.hasSaved():
		return left, nil
	case recordReply.hasSaved() && !isOwn:
		// Only the sweep deletes the record under the request's own token. A later attempt may use the token again, and
		// a deletion that arrives late must not delete its record.
		_, _ = scripts.discard.Do(conn, key, t.next.Bytes())
	case isRefused && t.found.isCached:
		left.replaced, left.replacement = t.token, current
	}
	return left, errConflict
}

// scriptReply is the reply to a script. It is zero if the script was not sent.
type scriptReply struct {
	value any
	err   error
}

// hasSaved reports whether the script has saved its value.
func (r scriptReply) hasSaved() bool { return r.err == nil && r.value == int64(1) }

func run(conn redis.Conn, script *redis.Script, args []any) (r scriptReply) {
	r.value, r.err = script.Do(conn, args...)
	return r
}

// send runs the two scripts of a commit: in one round trip if the record exists, and otherwise one after the other.
//
// A new record must exist before the pointer leads to it. Otherwise another replica would not find the record and would
// begin a new session. One round trip does not guarantee this order: on a Cluster the scripts run on two nodes, and a
// server may know only the second script.
func send(
	ctx context.Context, conn redis.Conn, isNew bool, recordArgs, pointerArgs []any,
) (recordReply, pointerReply scriptReply) {
	if isNew {
		recordReply = run(conn, scripts.record, recordArgs)
		if recordReply.hasSaved() {
			recordReply.err = ctx.Err()
		}
		if recordReply.hasSaved() {
			pointerReply = run(conn, scripts.pointer, pointerArgs)
		}
		return recordReply, pointerReply
	}
	err := errors.Join(
		scripts.record.SendHash(conn, recordArgs...), scripts.pointer.SendHash(conn, pointerArgs...), conn.Flush())
	if err != nil {
		return scriptReply{err: err}, scriptReply{err: err}
	}
	recordReply.value, recordReply.err = conn.Receive()
	pointerReply.value, pointerReply.err = conn.Receive()
	// A server does not know the scripts after a restart or a failover.
	if node.Code(recordReply.err) == "NOSCRIPT" && ctx.Err() == nil {
		recordReply = run(conn, scripts.record, recordArgs)
	}
	if node.Code(pointerReply.err) == "NOSCRIPT" && ctx.Err() == nil {
		pointerReply = run(conn, scripts.pointer, pointerArgs)
	}
	return recordReply, pointerReply
}
