package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// End ends the conversation between two addresses, which are written as in a message, without a message that asks for
// it. The next message begins a new conversation. End returns the record before the change. It returns nil if there is
// no conversation. If Ended is set in the returned record, the conversation had already ended, and End changed nothing.
// End and the messages that are being answered do not overwrite each other: End saves by compare-and-set as they do. If
// a message was faster, End starts again until ctx ends. End does not extend the time to live of the record.
//
// ErrNewer means that the record is of a later version and was not changed. After any other error, the conversation may
// have ended or not. End may then be called again, but if a message has arrived in the meantime, the second call ends
// the conversation that this message began. End is safe for concurrent use.
func End(ctx context.Context, pool *redis.Pool, keys Keys, to, from string) (was *Record, err error) {
	err = persist(ctx, pool, func(conn redis.Conn) (err error) {
		was, err = end(ctx, conn, keys, to, from)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end conversation: %w", err)
	}
	return was, nil
}

// end makes one attempt. It returns errConflict if the record was changed in the meantime.
//
// It does not read the pointer a second time. A pointer changes only if its record is missing, and it then leads to a
// new session. In that case end has ended the session before it.
func end(ctx context.Context, conn redis.Conn, keys Keys, to, from string) (*Record, error) {
	token, err := read(conn, keys.Conversation(to, from))
	if errors.Is(err, errForeign) || err == nil && !isToken(string(token)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := read(conn, keys.Session(string(token)))
	var r *Record
	if err == nil {
		r, err = Parse(raw)
	}
	switch {
	case errors.Is(err, errForeign):
		return nil, nil
	case err != nil:
		return nil, err
	case !r.Belongs(to, from), !time.Now().Before(r.Deadline):
		return nil, nil
	case !r.Ended.IsZero():
		return r, nil
	}
	was := *r
	r.close(time.Now())
	ended, err := Codec{}.Encode(r.Deadline, map[string]any{recordKey: r})
	if err == nil {
		err = ctx.Err() // what is not sent cannot be half done
	}
	if err != nil {
		return nil, err
	}
	saved, err := redis.Int(scripts.end.Do(conn, keys.Session(string(token)), raw, ended))
	if err == nil && saved != 1 {
		err = errConflict
	}
	return &was, err
}

// close ends the conversation without a message. The record keeps the earlier messages, so that repeats of these are
// detected.
func (r *Record) close(now time.Time) {
	r.Counter, r.Written, r.Ended, r.changed, r.scratch = 0, now, now, true, &scratch{}
}

// Erase deletes the data of the conversation between two addresses from Redis: the record, a copy of the record in
// quarantine, and the pointer. It reports whether there was a pointer to delete. It deletes only what it has read. If a
// message was faster, Erase starts again until ctx ends. A later message begins a new conversation, even if it repeats
// a message that was counted before.
//
// ErrNewer means that the record is of a later version and that nothing was deleted. After any other error, a part of
// the data may be deleted, and Erase may be called again. Erase is safe for concurrent use.
func Erase(ctx context.Context, pool *redis.Pool, keys Keys, to, from string) (found bool, err error) {
	err = persist(ctx, pool, func(conn redis.Conn) (err error) {
		found, err = erase(ctx, conn, keys, to, from)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("erase conversation: %w", err)
	}
	return found, nil
}

// erase makes one attempt. It deletes the pointer last, so that an interrupted attempt can be repeated.
func erase(ctx context.Context, conn redis.Conn, keys Keys, to, from string) (bool, error) {
	pointer := keys.Conversation(to, from)
	token, err := read(conn, pointer)
	if err != nil && !errors.Is(err, errForeign) || err == nil && token == nil {
		return false, err
	}
	if isToken(string(token)) {
		if err := eraseRecord(conn, keys, string(token), to, from); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// A pointer that has changed belongs to a conversation that began after this one was erased, so it stays.
	_, err = scripts.discard.Do(conn, pointer, token)
	return err == nil, err
}

// eraseRecord deletes the record of a token and its copy in quarantine, unless the record belongs to another
// conversation. A record that cannot be read belongs to the conversation whose pointer leads to it.
func eraseRecord(conn redis.Conn, keys Keys, token, to, from string) error {
	raw, err := read(conn, keys.Session(token))
	there := err == nil && raw != nil || errors.Is(err, errForeign)
	if err == nil {
		var r *Record
		if r, err = Parse(raw); err == nil && !r.Belongs(to, from) {
			return nil
		}
	}
	if err != nil && !errors.Is(err, errForeign) {
		return err
	}
	if there {
		deleted, err := redis.Int(scripts.discard.Do(conn, keys.Session(token), raw))
		if err != nil {
			return err
		}
		if deleted != 1 {
			return errConflict
		}
	}
	_, err = conn.Do("DEL", keys.Quarantine(token))
	return err
}

// persist makes attempts until one does not return errConflict. It does not repeat an attempt after any other error:
// the outcome is then unknown, and another attempt could end a conversation that began in the meantime.
func persist(ctx context.Context, pool *redis.Pool, attempt func(redis.Conn) error) error {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for attempts := 1; ; attempts++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := attempt(conn); !errors.Is(err, errConflict) || !pause(ctx, nil, attempts, err) {
			return err
		}
	}
}
