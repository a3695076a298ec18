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
	// errConflict means that another request has changed the record or the pointer since the attempt read it.
	errConflict = errors.New("session was changed by another request")

	errNoContext = errors.New("session store: needs the context of a delivery")
)

// quarantineTime is how long an unreadable record is kept, so that an operator can look at it.
const quarantineTime = 7 * 24 * time.Hour

// Store is an scs store that saves by compare-and-set. It reads through redisstore and does everything else itself:
// redisstore commits without a comparison, so that the last writer wins, deletes without a comparison, and lists with
// KEYS.
//
// A Store is safe for concurrent use. Its methods need the context of a delivery and use one connection of the pool. If
// a caller allows at most as many deliveries as the pool has connections, no delivery waits for a connection.
type Store struct {
	pool   *redis.Pool
	keys   Keys
	recent *recent
}

var _ scs.CtxStore = (*Store)(nil)

func newStore(pool *redis.Pool, keys Keys) *Store {
	return &Store{pool: pool, keys: keys, recent: newRecent()}
}

// FindCtx returns the record of a token, or a guess of it, and stores it in the delivery, because the commit compares
// with it. It reports false for a record that is missing or has expired. Under the request's own token, such a record
// is an empty session instead.
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
	// redisstore accepts no context, so it gets its own pool. That pool returns a connection with the context of the
	// call.
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

// known returns a record for which Redis need not be asked: the record that a refused commit has just returned, or a
// guess.
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

// CommitCtx saves the record if it has not changed since it was read, and sets the pointer if it does not lead to
// another session. This takes one round trip, or two if the record is new. CommitCtx returns errConflict if either has
// changed; the delivery then starts again. After any other error, the record may be saved, not saved, or saved later.
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
	if err := ctx.Err(); err != nil { // the budget is spent: commands that are not sent cannot be executed in part
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
		// Only the sweep deletes the record under the request's own token. A later attempt may use the token again, and
		// a deletion that arrives late must not delete its record.
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

// remember stores a saved record as the next guess, and keeps a free buffer for the next record.
func (s *Store) remember(d *delivery, token string, b []byte) {
	room := s.recent.saved(token, b)
	if len(d.raw) > 0 && &d.raw[0] == &b[0] { // a repeat is written back as it was read, and used no buffer
		return
	}
	if room == nil {
		room = d.raw
	}
	d.scratch.record = room
}

// compare records whether a guess was right. held is the answer of the record's step. If the guess was wrong, the
// answer is the current record, from which the next attempt starts.
func (s *Store) compare(d *delivery, token string, held any) {
	s.recent.judge(held == int64(1))
	if actual, ok := held.([]byte); ok {
		d.brought = brought{token, actual}
	}
}

// step is a script with its key and its arguments.
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

// receive returns the step's answer. first and err are the answer to the command that was sent. If the server did not
// know the script, for example after a restart or a failover, receive runs the step again.
func (s step) receive(ctx context.Context, conn redis.Conn, first any, err error) (any, error) {
	if err != nil && ctx.Err() == nil && isCode(err, "NOSCRIPT") {
		first, err = s.script.Do(conn, s.key, s.first, s.second, s.milliseconds)
	}
	return first, err
}

// both runs two steps in one round trip. held is 1 if the record was saved. Otherwise it is the value that was there
// instead, or nil if there was none.
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

// inTurn runs two steps one after the other. It runs the second one only if the record was saved: a new record must
// exist before the pointer leads to it. Otherwise another replica would not find the record and would begin a new
// session. One round trip does not guarantee this order: on a Cluster the steps run on two nodes, and a server may know
// only the second script.
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

// pointer returns the token in the pointer of a conversation. It returns "" if there is no pointer.
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

// quarantine moves a record that could not be read to its quarantine key. It reports whether it moved the record. It
// does not move a record that has changed since it was read, or that is gone. read is nil if the record was not read
// because of its type or its size.
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

// Find returns an error: without a delivery, a later commit has nothing to compare with.
func (s *Store) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit returns an error: saving without a comparison loses updates.
func (s *Store) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete returns an error: a session is ended by a commit, and never by a deletion without a comparison.
func (s *Store) Delete(string) error { return errNoContext }

// DeleteCtx returns an error, for the same reason as Delete.
func (s *Store) DeleteCtx(context.Context, string) error { return errNoContext }
