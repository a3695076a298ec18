package session

import (
	"context"
	"errors"
	"time"

	"smsession/internal/conversation"
)

// find loads the session of the delivery's conversation. The first attempt uses the cookie and then the pointer. An
// attempt after a conflict uses the pointer first, and the cookie only if there is no pointer. An attempt after a wrong
// guess searches as it would have done without the guess. The request's own token comes last, because an earlier
// attempt whose reply was lost may have made a record under it. If there is no session, the returned context contains a
// new session, under the request's own token or without a token.
func (m *Manager) find(d *delivery) (context.Context, error) {
	defer func() { d.brought = brought{} }() // the record is used for one attempt only
	byCookie := d.cookie != ""
	if byCookie && (d.report.Attempts == 1 || d.brought.token == d.cookie) {
		if found, err := m.load(d, d.cookie); found != nil || err != nil {
			return found, err
		}
		byCookie = false
	}
	token, err := m.store.pointer(d, d.key)
	if err != nil {
		return nil, err
	}
	d.pointer = token
	tried := !byCookie && token == d.cookie
	if tried && d.suspect {
		return nil, ErrNewer
	}
	if isToken(token) && !tried {
		if found, err := m.load(d, token); found != nil || err != nil {
			return found, err
		}
	}
	if byCookie && token == "" {
		if found, err := m.load(d, d.cookie); found != nil || err != nil {
			return found, err
		}
	}
	if d.own == "" {
		return m.scs.Load(d, "")
	}
	found, err := m.load(d, d.own)
	if found == nil && err == nil {
		err = errConflict // another request has written under this token
	}
	return found, err
}

// load returns a context with the session of a token. It returns nil if this conversation has no session there: the
// record is missing, is past its deadline, belongs to another conversation, or is not a record. A value that is not a
// record is put into quarantine; the other values are not touched. If no session exists under the request's own token,
// load returns a new one.
func (m *Manager) load(d *delivery, token string) (context.Context, error) {
	found, err := m.scs.Load(d, token)
	if err == nil {
		r, ok := m.scs.Get(found, recordKey).(*Record)
		switch {
		case !ok && token == d.own:
			return found, nil
		case !ok, !r.belongs(d.to, d.from), !time.Now().Before(r.Deadline):
			found = nil
		}
	} else {
		found, err = nil, m.unreadable(d, token, err)
	}
	if found == nil {
		d.raw, d.guessed = nil, false
	}
	return found, err
}

// unreadable returns the error of a load that failed. It returns nil if the record counts as absent.
func (m *Manager) unreadable(d *delivery, token string, err error) error {
	var newer *newerError
	switch {
	case errors.As(err, &newer):
		// A later version may keep the addresses in other fields. The pointer then shows to whom the record belongs.
		d.suspect = newer.record.To == "" || newer.record.From == ""
		if newer.record.belongs(d.to, d.from) || d.suspect && token == d.pointer {
			return ErrNewer
		}
		return nil
	case errors.Is(err, errForeign):
		return m.quarantine(d, token)
	}
	return err
}

// quarantine moves the unreadable record of a token into quarantine, and logs and counts it.
func (m *Manager) quarantine(d *delivery, token string) error {
	moved, err := m.store.quarantine(d, token, d.raw)
	if err != nil || !moved {
		return err
	}
	m.quarantined.Add(1)
	m.log.Warn("a session record could not be read and was put into quarantine",
		"from", conversation.Mask(d.message.From), "to", conversation.Mask(d.message.To),
		"token_begins", token[:6]) // enough to find the record, but too little to use the token
	return nil
}
