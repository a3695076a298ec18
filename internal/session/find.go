package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// snapshot is a session as one attempt found it. It never changes.
type snapshot struct {
	token    string        // "" for a new session that has no token yet
	exists   bool          // there is a record; if not, the session is new
	record   record.Record // of a new session: a record that has not begun
	isCached bool          // the record is this replica's copy, and may be out of date
	pointer  string        // the value of the pointer; "" if there is none, or if it was not read
}

var (
	// errAbsent means that the conversation has no session under a token: the record is missing, is past its deadline,
	// belongs to another conversation, or is not a record.
	errAbsent = errors.New("no session")

	// errOwnerUnknown means that a later version wrote the record, and that its addresses cannot be read. Only the
	// pointer shows to which conversation the record belongs.
	errOwnerUnknown = fmt.Errorf("%w: its record is of a later version", errAbsent)
)

// find reads the session of a message. The first attempt uses the cookie and then the pointer. An attempt after a
// conflict uses the pointer first, and the cookie only if there is no pointer. An attempt after a wrong cached record
// searches as it would have done without the cached record. The request's own token comes last, because an earlier
// attempt whose reply was lost may have made a record under it. If there is no session, the snapshot is a new session.
//
// The errors are ErrGone, ErrNewer, errConflict, and those of Redis.
func (m *Manager) find(ctx, client context.Context, d delivery, past history) (snapshot, error) {
	if err := m.store.slots.acquire(ctx, client); err != nil {
		return snapshot{}, err
	}
	defer m.store.slots.release()

	tried := "" // the token of the last load
	var s snapshot
	err := errAbsent
	if past.attempts == 0 || past.replaced == d.cookie {
		tried = d.cookie
		if s, err = m.load(ctx, d, past, tried, ""); !errors.Is(err, errAbsent) {
			return s, err
		}
	}
	pointer, pointerErr := m.store.pointer(ctx, d.pointerKey)
	if pointerErr != nil {
		return snapshot{}, pointerErr
	}
	if next := cmp.Or(pointer, d.cookie); next != tried {
		tried = next
		s, err = m.load(ctx, d, past, tried, pointer)
	}
	switch {
	case !errors.Is(err, errAbsent):
		return s, err
	case errors.Is(err, errOwnerUnknown) && tried == pointer:
		return snapshot{}, ErrNewer
	case past.ownToken == "":
		return snapshot{pointer: pointer, record: record.New(d.To, d.From)}, nil
	}
	s, err = m.load(ctx, d, past, past.ownToken, pointer)
	if errors.Is(err, errAbsent) {
		err = errConflict // another request has written under this token
	}
	return s, err
}

// load returns the session of a token. It returns errAbsent if there is none, except under the request's own token: it
// then returns a new session.
func (m *Manager) load(ctx context.Context, d delivery, past history, token, pointer string) (snapshot, error) {
	if !record.IsToken(token) {
		return snapshot{}, errAbsent
	}
	s := snapshot{token: token, exists: true, pointer: pointer}
	if past.attempts == 0 {
		s.record, s.isCached = m.store.cache.get(token)
	}
	if !s.isCached {
		var err error
		s.record, s.exists, err = m.read(ctx, d, past, token)
		if err != nil {
			return snapshot{}, err
		}
	}
	switch {
	case !s.exists && token == past.ownToken:
		s.record = record.New(d.To, d.From)
	case !s.exists, !s.record.Belongs(d.To, d.From), !time.Now().Before(s.record.Deadline):
		return snapshot{}, errAbsent
	}
	return s, nil
}

// read reads a record from Redis, or takes it from the refused commit that has just returned it. A value that is not a
// record is moved to quarantine.
func (m *Manager) read(ctx context.Context, d delivery, past history, token string) (r record.Record, exists bool, err error) {
	value, exists := past.replacement, past.replaced == token
	if !exists {
		value, exists, err = m.store.find(ctx, token)
	}
	if err == nil && exists {
		r, err = record.Parse(value)
	}
	switch {
	case errors.Is(err, record.ErrForeign):
		if err = m.quarantine(ctx, d, token, value); err == nil {
			err = errAbsent
		}
	case errors.Is(err, ErrNewer) && (r.To == "" || r.From == ""):
		err = errOwnerUnknown
	case errors.Is(err, ErrNewer) && !r.Belongs(d.To, d.From):
		err = errAbsent
	}
	return r, exists, err
}

// quarantine moves a value that is not a record to quarantine, and logs and counts it.
func (m *Manager) quarantine(ctx context.Context, d delivery, token string, value []byte) error {
	moved, err := m.store.quarantine(ctx, token, value)
	if err != nil || !moved {
		return err
	}
	m.quarantined.Add(1)
	m.options.Logger.Warn("a session record could not be read and was put into quarantine",
		"from", conversation.Mask(d.From), "to", conversation.Mask(d.To),
		"token_begins", token[:6]) // enough to find the record, but too little to use the token
	return nil
}
