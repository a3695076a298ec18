package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// End ends the conversation between two addresses, which are written as in a message. The next message begins a new
// conversation. End returns the record before the change, and reports whether there is a conversation. If Ended is set in
// the returned record, the conversation had already ended, and End changed nothing. End does not extend the time to live
// of the record.
//
// End and the messages that are being answered do not overwrite each other, because End saves by compare-and-set as they
// do. If a message was faster, End starts again until ctx ends.
//
// ErrNewer means that the record is of a later version and was not changed. After any other error, the conversation may
// have ended or not. End may then be called again, but if a message has arrived in the meantime, the second call ends
// the conversation that this message began. End is safe for concurrent use.
func End(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string) (before record.Record, found bool, err error) {
	err = untilNoConflict(ctx, pool, func(conn redis.Conn) (err error) {
		before, found, err = end(ctx, conn, keys, to, from)
		return err
	})
	if err != nil {
		return record.Record{}, false, fmt.Errorf("end conversation: %w", err)
	}
	return before, found, nil
}

// end makes one attempt. It returns errConflict if the record was changed in the meantime.
//
// It does not read the pointer a second time. A pointer changes only if its record is missing, and it then leads to a
// new session. In that case end has ended the session before it.
func end(ctx context.Context, conn redis.Conn, keys record.Keys, to, from string) (record.Record, bool, error) {
	pointer, err := read(conn, keys.Conversation(to, from))
	token := string(pointer)
	if err == nil && !record.IsToken(token) {
		return record.Record{}, false, nil
	}
	var value []byte
	if err == nil {
		value, err = read(conn, keys.Session(token))
	}
	var r record.Record
	if err == nil {
		r, err = record.Parse(value)
	}
	switch {
	case errors.Is(err, record.ErrForeign):
		return record.Record{}, false, nil
	case err != nil:
		return record.Record{}, false, err
	case !r.Belongs(to, from), !time.Now().Before(r.Deadline):
		return record.Record{}, false, nil
	case !r.Ended.IsZero():
		return r, true, nil
	}
	if err := ctx.Err(); err != nil { // a command that is not sent cannot be executed in part
		return record.Record{}, false, err
	}
	saved, err := redis.Bool(scripts.end.Do(conn, keys.Session(token), value, r.End(time.Now()).Encode().Bytes()))
	if err == nil && !saved {
		err = errConflict
	}
	return r, true, err
}

// Erase deletes the data of the conversation between two addresses from Redis: the record, a copy of the record in
// quarantine, and the pointer. It reports whether there was a pointer to delete. It deletes only what it has read. If a
// message was faster, Erase starts again until ctx ends. A later message begins a new conversation, even if it repeats
// a message that was counted before.
//
// ErrNewer means that the record is of a later version and that nothing was deleted. After any other error, a part of
// the data may be deleted, and Erase may be called again. Erase is safe for concurrent use.
func Erase(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string) (found bool, err error) {
	err = untilNoConflict(ctx, pool, func(conn redis.Conn) (err error) {
		found, err = erase(ctx, conn, keys, to, from)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("erase conversation: %w", err)
	}
	return found, nil
}

// erase makes one attempt. It deletes the pointer last, so that an interrupted attempt can be repeated.
func erase(ctx context.Context, conn redis.Conn, keys record.Keys, to, from string) (bool, error) {
	pointer := keys.Conversation(to, from)
	value, err := read(conn, pointer)
	if err != nil && !errors.Is(err, record.ErrForeign) || err == nil && value == nil {
		return false, err
	}
	if token := string(value); record.IsToken(token) {
		if err := eraseRecord(conn, keys, token, to, from); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// A pointer that has changed belongs to a conversation that began after this one was erased, so it stays.
	_, err = scripts.discard.Do(conn, pointer, value)
	return err == nil, err
}

// eraseRecord deletes the record of a token and its copy in quarantine, unless the record belongs to another
// conversation. A record that cannot be read belongs to the conversation whose pointer leads to it.
func eraseRecord(conn redis.Conn, keys record.Keys, token, to, from string) error {
	value, err := read(conn, keys.Session(token))
	exists := value != nil || err != nil
	if err == nil && exists {
		var r record.Record
		if r, err = record.Parse(value); err == nil && !r.Belongs(to, from) {
			return nil
		}
	}
	if err != nil && !errors.Is(err, record.ErrForeign) {
		return err
	}
	if exists {
		deleted, err := redis.Bool(scripts.discard.Do(conn, keys.Session(token), value))
		if err != nil {
			return err
		}
		if !deleted {
			return errConflict
		}
	}
	_, err = conn.Do("DEL", keys.Quarantine(token))
	return err
}

// untilNoConflict makes attempts until one does not return errConflict. It does not repeat an attempt after any other
// error: the outcome is then unknown, and another attempt could end a conversation that began in the meantime.
func untilNoConflict(ctx context.Context, pool *redis.Pool, attempt func(redis.Conn) error) error {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for attempts := 1; ; attempts++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := attempt(conn); !errors.Is(err, errConflict) || pause(ctx, ctx, attempts, err) != nil {
			return err
		}
	}
}
