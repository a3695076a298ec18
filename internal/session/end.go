package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// End ends the conversation between two addresses, as they stand in a message, without a message that asks for it: the
// next one begins anew. It returns the record as it was, nil if there is no conversation; one that has Ended had ended
// before, and was left alone. Messages that are being answered are no danger to it, nor it to them: it saves by
// compare-and-set as they do, and starts again until ctx ends where one was faster. It renews nothing.
//
// ErrNewer says that the record is of a later version and was left alone. With any other error the conversation may have
// ended or not, and End may be called again: but a message may have come since, and the conversation that it began would
// end. It is safe for concurrent use.
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

// end is one attempt. Its error is errConflict if the record was changed meanwhile.
//
// It does not look at the pointer again. A pointer moves only where its record is missing, to a session that begins:
// what was ended then is what came before.
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

// close ends the conversation with no message. What it remembers for the repeats of earlier messages stays.
func (r *Record) close(now time.Time) {
	r.Counter, r.Written, r.Ended, r.changed, r.scratch = 0, now, now, true, &scratch{}
}

// Erase deletes what Redis holds of the conversation between two addresses, and reports whether there was anything: the
// record, a copy of it in quarantine, and the pointer. It deletes what it has read, and starts again until ctx ends where
// a message was faster. A message that comes later, also a repeat of one that was counted, begins a new conversation.
//
// ErrNewer says that the record is of a later version, and that all was left alone. With any other error some of it may
// be deleted; Erase may be called again. It is safe for concurrent use.
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

// erase is one attempt. The pointer goes last, so that one which was cut short can be made again.
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
	// A pointer that is another one by now is that of a conversation which began after this one was erased.
	_, err = scripts.discard.Do(conn, pointer, token)
	return err == nil, err
}

// eraseRecord deletes the record of a token, and one in quarantine, unless it is another conversation's. A record that
// cannot be read is the conversation's that points at it.
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

// persist makes attempts until one does not meet errConflict. No other error is tried again: who gets it does not know
// what happened, and a conversation that began since is not theirs to end.
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
