package session

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// quarantineTime is how long an unreadable record is kept, so that an operator can look at it.
const quarantineTime = 7 * 24 * time.Hour

// snapshot is a session as one attempt found it. It never changes.
type snapshot struct {
	token   string         // "" for a new session that has no token yet
	record  *record.Record // for a new session: a record that has not begun
	cached  *place         // the record is this replica's copy, and may be out of date; nil if it was read
	pointer string         // the value of the pointer; "" if there is none, or if it was not read
}

// isNew reports whether there is no record in Redis.
func (s snapshot) isNew() bool { return s.record.Bytes() == nil }

// errAbsent means that the conversation has no session under a token: the record is missing, is past its deadline,
// belongs to another conversation, or is not a record.
var errAbsent = errors.New("no session")

// find reads the session of a message. The first attempt uses the cookie and then the pointer. A later attempt uses the
// pointer first, and the cookie only if there is no pointer. If the last attempt used a cached record that was out of
// date, find searches as that attempt would have done without it. find does not read again what past.early contains.
// The request's own token comes last, because an earlier attempt whose reply was lost may have made a record under it.
// If there is no session, the snapshot is a new session.
//
// The errors are ErrGone, ErrNewer, errConflict, and those of Redis.
func (m *Manager) find(ctx context.Context, d *delivery, past *history) (snapshot, error) {
	// The cookie comes first in two cases: in the first attempt, and in the second one if the first one used the cached
	// record of the cookie's token, which was out of date.
	cookieIsFirst := past.attempts == 0 || past.early.of == d.cookie
	if cookieIsFirst {
		if s, err := m.load(ctx, d, past, d.cookie, ""); !errors.Is(err, errAbsent) {
			return s, err
		}
	}
	pointer, err := m.readPointer(ctx, past, d.pointerKey)
	if err != nil {
		return snapshot{}, err
	}
	next := pointer
	if pointer == "" && !cookieIsFirst {
		next = d.cookie
	}
	if s, err := m.load(ctx, d, past, next, pointer); !errors.Is(err, errAbsent) {
		return s, err
	}
	if past.ownToken == "" {
		return snapshot{pointer: pointer, record: record.New(d.To, d.From)}, nil
	}
	s, err := m.load(ctx, d, past, past.ownToken, pointer)
	if errors.Is(err, errAbsent) {
		err = errConflict // another request has written under this token
	}
	return s, err
}

// load returns the session of a token. It returns errAbsent if there is none, except under the request's own token: it
// then returns a new session.
func (m *Manager) load(ctx context.Context, d *delivery, past *history, token, pointer string) (snapshot, error) {
	if !record.IsToken(token) {
		return snapshot{}, errAbsent
	}
	s := snapshot{token: token, pointer: pointer}
	if past.attempts == 0 && m.options.CallTimeout == 0 { // an app must not be called for an old state
		s.cached = m.cache.find(token)
	}
	if s.cached != nil {
		s.record = s.cached.Load()
	} else {
		var err error
		if s.record, err = m.read(ctx, d, past, token, pointer); err != nil {
			return snapshot{}, err
		}
	}
	switch {
	case s.record == nil && token == past.ownToken:
		s.record = record.New(d.To, d.From)
	case s.record == nil, !s.record.Belongs(d.To, d.From), !time.Now().Before(s.record.Deadline):
		return snapshot{}, errAbsent
	}
	return s, nil
}

// read reads a record from Redis, unless past.early contains it. It returns nil if there is no record. It moves a value
// that is not a record to quarantine, and returns errAbsent. If the value is the cached record, read does not parse it.
func (m *Manager) read(
	ctx context.Context, d *delivery, past *history, token, pointer string,
) (*record.Record, error) {
	value, err := past.early.value, error(nil)
	if past.early.of != token {
		value, err = m.readSession(ctx, past.hangUp, token, m.cache.get(token))
	}
	var r *record.Record
	if err == nil {
		r = m.cache.compare(token, value)
	}
	if err == nil && r == nil && value != nil {
		r, err = record.Parse(value)
	}
	switch {
	case errors.Is(err, record.ErrForeign):
		return nil, cmp.Or(m.quarantine(ctx, d, token, value), errAbsent)
	case errors.Is(err, ErrNewer) && !r.Belongs(d.To, d.From) && (r.To != "" && r.From != "" || token != pointer):
		// A later version may write the addresses in other fields. Then only the pointer shows the owner.
		return nil, errAbsent
	}
	return r, err
}

// quarantine moves a value to its quarantine key, and logs and counts it. It does not move a value that has changed
// since it was read, or that is gone. value is nil if the value was not read because of its type or its size.
func (m *Manager) quarantine(ctx context.Context, d *delivery, token string, value []byte) error {
	var isMoved bool
	err := m.withSlot(ctx, nil, "quarantine session", func(conn redis.Conn) (err error) {
		isMoved, err = redis.Bool(scripts.quarantine.Do(conn,
			m.keys.Session(token), m.keys.Quarantine(token), value, quarantineTime.Milliseconds()))
		return err
	})
	if isMoved {
		m.quarantined.Add(1)
		m.options.Logger.Warn("a session record could not be read and was put into quarantine",
			"from", conversation.Mask(d.From), "to", conversation.Mask(d.To),
			"token_begins", token[:6]) // enough to find the record, but too little to use the token
	}
	return err
}
