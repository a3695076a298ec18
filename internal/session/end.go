package session

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// End ends the conversation between two addresses, which are written as in a message. The next message begins a new
// conversation. End returns the record before the change, and reports whether there is a conversation. If Ended is set
// in the returned record, the conversation had already ended, and End changed nothing. End does not extend the time to
// live of the record.
//
// Like a message, End saves by compare-and-set. If a message changes the record first, End tries again until ctx ends.
//
// ErrNewer means that the record is of a later version and was not changed. After any other error, the conversation may
// have ended or not. End may then be called again, but if a message has arrived in the meantime, the second call ends
// the conversation that this message began. End is safe for concurrent use.
func End(
	ctx context.Context, pool Pool, keys record.Keys, to, from string,
) (before *record.Record, found bool, err error) {
	err = untilNoConflict(ctx, pool, "end conversation", func(conn redis.Conn) (err error) {
		before, found, err = end(ctx, conn, keys, to, from)
		return err
	})
	return before, found, err
}

// end makes one attempt. It returns errConflict if the record was changed in the meantime.
//
// It does not read the pointer a second time. A pointer changes only if its record is missing, and it then leads to a
// new session. In that case, end has ended the session before the new one.
func end(
	ctx context.Context, conn redis.Conn, keys record.Keys, to, from string,
) (r *record.Record, found bool, err error) {
	pointer, _, r, err := follow(conn, keys, to, from)
	isAbsent := r == nil || !r.Belongs(to, from) || !time.Now().Before(r.Deadline)
	switch {
	case errors.Is(err, record.ErrForeign), err == nil && isAbsent:
		return nil, false, confirm(conn, keys, keys.Conversation(to, from))
	case err != nil:
		return r, false, err
	case !r.Ended.IsZero():
		err = confirm(conn, keys, keys.Session(string(pointer)))
		return r, err == nil, err
	}
	if err := ctx.Err(); err != nil { // nothing is sent after ctx has ended
		return r, false, err
	}
	saved, err := redis.Bool(scripts.end.Do(conn, keys.Session(string(pointer)), r.Bytes(), r.End(time.Now()).Bytes()))
	if err == nil && !saved {
		err = errConflict
	}
	return r, err == nil, err
}

// Erase deletes the data of the conversation between two addresses from Redis: the record, a copy of the record in
// quarantine, and the pointer. It reports whether there was a pointer to delete. It deletes only what it has read. If a
// message changes the record first, Erase tries again until ctx ends. A later message begins a new conversation, even
// if it repeats a message that was counted before.
//
// ErrNewer means that the record is of a later version and that nothing was deleted. After any other error, a part of
// the data may be deleted, and Erase may be called again. Erase is safe for concurrent use.
func Erase(ctx context.Context, pool Pool, keys record.Keys, to, from string) (found bool, err error) {
	err = untilNoConflict(ctx, pool, "erase conversation", func(conn redis.Conn) (err error) {
		found, err = erase(ctx, conn, keys, to, from)
		return err
	})
	return found, err
}

// erase makes one attempt. It deletes the pointer last, so that an interrupted attempt can be repeated. A record that
// cannot be read belongs to the conversation whose pointer leads to it.
func erase(ctx context.Context, conn redis.Conn, keys record.Keys, to, from string) (found bool, err error) {
	pointer, value, r, err := follow(conn, keys, to, from)
	isForeign := errors.Is(err, record.ErrForeign)
	if err != nil && !isForeign {
		return false, err
	}
	if err == nil && pointer == nil {
		return false, confirm(conn, keys, keys.Conversation(to, from))
	}
	if token := string(pointer); record.IsToken(token) && (r == nil || r.Belongs(to, from)) {
		if r != nil || isForeign {
			deleted, err := redis.Bool(scripts.discard.Do(conn, keys.Session(token), value))
			if err == nil && !deleted {
				err = errConflict
			}
			if err != nil {
				return false, err
			}
		}
		if _, err := conn.Do("DEL", keys.Quarantine(token)); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// A pointer that has changed belongs to a conversation that began after this one was erased, so it stays.
	_, err = scripts.discard.Do(conn, keys.Conversation(to, from), pointer)
	return err == nil, err
}

// follow reads the pointer of a conversation and the record to which it leads. The pointer is nil if there is none, and
// the record is nil if there is none or if the pointer is not a token. value is the text of the record, or nil if it
// must not be read. The error is record.ErrForeign if the pointer or the record cannot be read.
func follow(
	conn redis.Conn, keys record.Keys, to, from string,
) (pointer, value []byte, r *record.Record, err error) {
	pointer, err = read(conn, keys.Conversation(to, from))
	if token := string(pointer); err == nil && record.IsToken(token) {
		value, r, err = readRecord(conn, keys.Session(token))
	}
	return pointer, value, r, err
}

// confirm writes a key that nobody reads, for a millisecond, to the server of another key. A pool that waits for
// replicas returns an error if they do not get it. Otherwise, a former primary that came back after a failover could
// answer that a conversation is not there, or has already ended, although its successor has a newer record.
func confirm(conn redis.Conn, keys record.Keys, key string) error {
	_, err := scripts.pointer.Do(conn, keys.Probe(key), "", "", 1)
	return err
}

// untilNoConflict makes attempts until one does not return errConflict. It does not repeat an attempt after any other
// error: the outcome is then unknown, and another attempt could end a conversation that began in the meantime. what
// describes the attempt in an error.
func untilNoConflict(ctx context.Context, pool Pool, what string, attempt func(redis.Conn) error) error {
	for attempts := 1; ; attempts++ {
		err := withConn(ctx, pool, what, attempt)
		if !errors.Is(err, errConflict) || pause(ctx, nil, attempts, err) != nil {
			return err
		}
	}
}
