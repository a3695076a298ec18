package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
	"smsession/internal/session/record"
)

// probeTime is the time to live of a key that a Probe writes.
const probeTime = time.Minute

// Probe finds out whether messages can be saved: it runs a script of a commit on a key of its own. It is safe for
// concurrent use.
type Probe struct {
	pool *redis.Pool
	keys record.Keys
	tags func() []string
}

// NewProbe returns a Probe. tags returns one hash tag for each primary, or only "" if there is no Cluster. It is called
// after a connection was made.
func NewProbe(pool *redis.Pool, prefix string, tags func() []string) *Probe {
	return &Probe{pool: pool, keys: record.Keys{Prefix: prefix}, tags: tags}
}

// Run saves a value over a connection of the pool. On a Cluster it does so once for each primary, and returns an error
// only if no primary accepts the write. While at least one primary accepts it, the replica can answer some
// conversations. It must then stay ready, because a replica that is not ready gets no messages.
//
// The error contains the errors of Redis. If the user lacks a right, it is a NOPERM that names the rights to grant.
func (p *Probe) Run(ctx context.Context) error {
	return withConn(ctx, p.pool, "probe Redis", func(conn redis.Conn) error {
		var errs []error
		for _, tag := range p.tags() {
			if ctx.Err() == nil {
				errs = append(errs, p.write(conn, p.keys.Probe(tag)))
			}
		}
		if slices.Contains(errs, nil) {
			return nil
		}
		return errors.Join(append(errs, ctx.Err())...)
	})
}

// write runs the steps of a commit on a key that messages never use. It sets the key as a pointer with an empty value,
// which overwrites any value: a value of another length leads nowhere. Then it commits a change of no bytes to an empty
// record, and renews the pointer.
func (p *Probe) write(conn redis.Conn, key string) error {
	_, err := scripts.pointer.Do(conn, key, "", "", probeTime.Milliseconds())
	if err == nil {
		_, err = scripts.record.Do(conn, key, "", -1, 0, probeTime.Milliseconds(), 0, "")
	}
	if err == nil {
		_, err = conn.Do("GETEX", key, "PX", probeTime.Milliseconds())
	}
	if node.Code(err) == "ERR" {
		err = cmp.Or(p.refusal(conn, key), err)
	}
	switch {
	case err == nil:
		return nil
	case node.Code(err) == "NOPERM":
		return fmt.Errorf("the user may not write %s as the service does; it needs the keys %s* and the commands "+
			"get, set, del, type, eval, evalsha, rename, strlen, pexpire, getrange, setrange and getex: %w", key, p.keys.Prefix, err)
	}
	return fmt.Errorf("write %s: %w", key, err)
}

// refusal runs the commands of the scripts one by one, and returns the error of the first one that the user may not
// run. When a script fails for that reason, Redis answers ERR and does not name the command.
func (p *Probe) refusal(conn redis.Conn, key string) error {
	for _, command := range [][]any{
		{"GET", key}, {"STRLEN", key}, {"SET", key, "", "PX", probeTime.Milliseconds()}, {"GETRANGE", key, 0, 0},
		{"SETRANGE", key, 0, ""}, {"PEXPIRE", key, probeTime.Milliseconds()},
	} {
		if _, err := conn.Do(command[0].(string), command[1:]...); node.Code(err) == "NOPERM" {
			return err
		}
	}
	return nil
}
