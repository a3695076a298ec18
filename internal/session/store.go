package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"
)

var (
	// errConflict says that the record or the pointer is not what the attempt was made from: another one was faster.
	errConflict = errors.New("session was changed by another request")

	errNoContext = errors.New("session store: needs the context of a delivery")
)

// quarantineTime is how long a record that could not be read is kept for somebody to look at.
const quarantineTime = 7 * 24 * time.Hour

// Store is an scs store that saves by compare-and-set. It reads through redisstore, and does everything else itself:
// redisstore commits last-writer-wins, deletes whatever is there and lists with KEYS.
//
// A Store is safe for concurrent use. Its methods take a delivery's context and hold one connection of the pool; a
// caller that lets at most as many deliveries in as the pool has connections never waits for one.
type Store struct {
	pool   *redis.Pool
	keys   Keys
	recent *recent
}

var _ scs.CtxStore = (*Store)(nil)

func newStore(pool *redis.Pool, keys Keys) *Store {
	return &Store{pool: pool, keys: keys, recent: newRecent()}
}

// FindCtx reads the record of a token, or guesses it, and notes in the delivery what that was: the commit goes by it. A
// record that is missing or has expired is not found; under the request's own token that is an empty session.
func (s *Store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	d := deliveryFrom(ctx)
	if d == nil {
		return nil, false, errNoContext
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if d.raw = s.known(d, token); d.raw != nil {
		return d.raw, true, nil
	}
	// redisstore knows no context: it gets a pool of its own, whose only connection is one that the delivery waits for.
	records := redisstore.NewWithPrefix(&redis.Pool{
		DialContext: func(context.Context) (redis.Conn, error) {
			conn, err := s.pool.GetContext(ctx)
			return sizedConn{conn}, err
		},
	}, s.keys.sessions())
	raw, found, err := records.Find(token)
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	s.recent.learn(token, raw)
	d.raw = raw
	// scs makes its own token when it finds no session. With an empty session, it keeps the token of the request.
	return raw, found || token == d.own, nil
}

// known returns a record that Redis need not be asked for: what a refused commit has just brought, or a guess.
func (s *Store) known(d *delivery, token string) []byte {
	if d.brought.token == token {
		return d.brought.record
	}
	if d.report.Attempts > 1 {
		return nil
	}
	record := s.recent.take(token)
	d.guessed = record != nil
	return record
}

// CommitCtx saves the record if it is still what was read, and the pointer if it points nowhere else, in one round trip,
// or in two if the record is new.
// It returns errConflict if either is not so; the delivery then starts again. With any other error the record may have
// been saved or not, or be saved later.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	d := deliveryFrom(ctx)
	if d == nil {
		return errNoContext
	}
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	defer conn.Close()
	if err := ctx.Err(); err != nil { // the budget is spent: what is not sent cannot be half done
		return err
	}
	d.sent = true
	milliseconds := max(time.Until(expiry).Milliseconds(), 1)
	save := both
	if d.raw == nil {
		save = inTurn
		d.own, d.created = token, true
	}
	held, pointed, err := save(d, conn,
		step{scripts.record, s.keys.Session(token), d.raw, b, milliseconds},
		step{scripts.pointer, d.key, token, d.pointer, milliseconds})
	saved := held == int64(1)
	if d.guessed && err == nil {
		s.compare(d, token, held)
	}
	switch {
	case err != nil:
		return fmt.Errorf("save session: %w", err)
	case saved && !pointed:
		// The record under the request's own token is left to the sweep: a later attempt may need the token again, and must
		// not lose its record to an erasure that arrives late.
		if token != d.own {
			_, _ = scripts.discard.Do(conn, s.keys.Session(token), b)
		}
		return errConflict
	case !saved:
		return errConflict
	}
	d.saved = token
	s.remember(d, token, b)
	return nil
}

// remember hands a saved record over, and keeps the room that is left for the next one.
func (s *Store) remember(d *delivery, token string, b []byte) {
	room := s.recent.saved(token, b)
	if len(d.raw) > 0 && &d.raw[0] == &b[0] { // a repeat is written back as it was read, and took no room
		return
	}
	if room == nil {
		room = d.raw
	}
	d.scratch.record = room
}

// compare takes note of whether a guess was right. held is the answer of the record's step: the commit of a wrong guess
// brings the record that stood in its way, from which the next attempt starts.
func (s *Store) compare(d *delivery, token string, held any) {
	s.recent.judge(held == int64(1))
	if actual, ok := held.([]byte); ok {
		d.brought = brought{token, actual}
	}
}

// step is a script and its key and arguments.
type step struct {
	script       *script
	key          string
	first        any
	second       any
	milliseconds int64
}

func (s step) send(conn redis.Conn) error {
	return conn.Send("EVALSHA", s.script.hash, 1, s.key, s.first, s.second, s.milliseconds)
}

func (s step) run(ctx context.Context, conn redis.Conn) (any, error) {
	if err := errors.Join(s.send(conn), conn.Flush()); err != nil {
		return nil, err
	}
	first, err := conn.Receive()
	return s.receive(ctx, conn, first, err)
}

// receive reads the step's answer. first is that to what was sent; a server that did not know the script, as after a
// restart or a failover, gets the step again.
func (s step) receive(ctx context.Context, conn redis.Conn, first any, err error) (any, error) {
	if err != nil && ctx.Err() == nil && isCode(err, "NOSCRIPT") {
		first, err = s.script.Do(conn, s.key, s.first, s.second, s.milliseconds)
	}
	return first, err
}

// both runs two steps in one round trip. held is 1 if the record was saved, and else what stood in its way, nil for
// nothing.
func both(d *delivery, conn redis.Conn, record, pointer step) (held any, pointed bool, err error) {
	if err := errors.Join(record.send(conn), pointer.send(conn), conn.Flush()); err != nil {
		return nil, false, d.unpointed(err)
	}
	held, heldErr := conn.Receive()
	set, setErr := conn.Receive()
	held, heldErr = record.receive(d, conn, held, heldErr)
	set, setErr = pointer.receive(d, conn, set, setErr)
	return held, set == int64(1), errors.Join(heldErr, d.unpointed(setErr))
}

// inTurn runs two steps one after the other, and the second only if the record was saved: a new record must be there before
// anything points at it, or else another replica takes it for gone and begins a session of its own. In one round trip the
// order is not sure: on a Cluster the steps run on two nodes, and a server may know only the second script.
func inTurn(d *delivery, conn redis.Conn, record, pointer step) (held any, pointed bool, err error) {
	if held, err = record.run(d, conn); err != nil || held != int64(1) {
		return held, false, err
	}
	if err := d.Err(); err != nil {
		return held, false, err
	}
	set, err := pointer.run(d, conn)
	return held, set == int64(1), d.unpointed(err)
}

// pointer returns what the pointer of a conversation holds: a token, or "" if there is none.
func (s *Store) pointer(ctx context.Context, key string) (string, error) {
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return "", fmt.Errorf("find conversation: %w", err)
	}
	defer conn.Close()
	token, err := read(conn, key)
	if errors.Is(err, errForeign) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find conversation: %w", err)
	}
	return string(token), nil
}

// quarantine moves a record that could not be read to its quarantine key. It reports whether it moved the record: it
// does not if the record has changed since it was read, or is gone. read is nil if the record was not read because of
// its type or its size.
func (s *Store) quarantine(ctx context.Context, token string, read []byte) (bool, error) {
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return false, fmt.Errorf("quarantine session: %w", err)
	}
	defer conn.Close()
	moved, err := redis.Int(scripts.quarantine.Do(conn, s.keys.Session(token), s.keys.Quarantine(token),
		read, quarantineTime.Milliseconds()))
	if err != nil {
		return false, fmt.Errorf("quarantine session: %w", err)
	}
	return moved == 1, nil
}

// sweep deletes the record that a request made under its own token, unless another message was counted in that record.
func (s *Store) sweep(ctx context.Context, token, sid string) error {
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	key := s.keys.Session(token)
	raw, err := read(conn, key)
	if err != nil {
		return err
	}
	if r, err := parseRecord(raw); err != nil || !r.messages.only(sid) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = scripts.discard.Do(conn, key, raw)
	return err
}

// Find is not used: without a delivery there is nothing to compare a later commit with.
func (s *Store) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is not used: saving without comparing loses updates.
func (s *Store) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is not used: a session is ended by a commit, never by deleting whatever is there.
func (s *Store) Delete(string) error { return errNoContext }

// DeleteCtx is not used either.
func (s *Store) DeleteCtx(context.Context, string) error { return errNoContext }
