package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

const (
	// probeTime is the time to live of a key that a Probe writes.
	probeTime = time.Minute

	// probeValue is the value that every Probe writes. Because it is always the same, replicas that write one key
	// conflict only while the key does not exist.
	probeValue = "smsession"

	// probeAttempts is enough for a key that expires after it was read, and that another replica then writes.
	probeAttempts = 3
)

// Probe finds out whether messages can be saved: it runs the same script as a message, on a key of its own. It is safe
// for concurrent use.
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

// Run saves a value with the script of a commit, over the pool's connections. On a Cluster it does so once for each
// primary, and returns an error only if no primary accepts the write. While at least one primary accepts it, the
// replica can answer some conversations. It must then stay ready, because a replica that is not ready gets no messages.
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

// write returns nil only if a write was accepted. A refusal by compare-and-set does not show that, because a server
// that accepts no writes gives the same reply.
func (p *Probe) write(conn redis.Conn, key string) error {
	read := probeValue
	for range probeAttempts {
		reply, err := scripts.record.Do(conn, key, read, probeValue, probeTime.Milliseconds())
		_, isSize := reply.(int64)
		switch {
		case reply == int64(1):
			return nil
		case isSize, isCode(err, "WRONGTYPE"):
			// No Probe wrote this value, and it may never expire. Messages never use this key, so the value must not
			// make replicas unready.
			_, err = scripts.discard.Do(conn, key, "")
			reply = nil
		}
		if err != nil {
			return p.explain(conn, key, err)
		}
		read, _ = redis.String(reply, nil) // "" if there is no such key
	}
	return fmt.Errorf("write %s: %w", key, errConflict)
}

// explain names the command or the key that the user lacks, if that is the reason for err. When a script fails for that
// reason, Redis answers ERR and names neither. explain therefore tries the commands of the script one by one.
func (p *Probe) explain(conn redis.Conn, key string, err error) error {
	if isCode(err, "ERR") {
		for command, args := range map[string][]any{
			"GET": {key}, "STRLEN": {key}, "SET": {key, probeValue, "PX", probeTime.Milliseconds()},
		} {
			if _, refusal := conn.Do(command, args...); isCode(refusal, "NOPERM") {
				err = refusal
			}
		}
	}
	if !isCode(err, "NOPERM") {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return fmt.Errorf("the user may not write %s as the service does; it needs the keys %s* and the commands "+
		"get, set, del, type, eval, evalsha, rename, strlen and pexpire: %w", key, p.keys.Prefix, err)
}
