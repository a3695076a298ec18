package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// probeTime is how long a key lives that a Probe has written.
	probeTime = time.Minute

	// probeValue is what every Probe writes. Replicas that write the same key then conflict only while it does not exist.
	probeValue = "smsession"

	// probeAttempts is enough for a key that expires after it was read and is then written by another replica.
	probeAttempts = 3
)

// Probe is the key that a Probe writes. tag chooses the node of a Cluster; it is "" where there is none.
func (k Keys) Probe(tag string) string {
	if tag == "" {
		return k.Prefix + "probe"
	}
	return k.Prefix + "probe:{" + tag + "}"
}

// Probe finds out whether messages can be saved: it does what a message does, on a key of its own. It is safe for
// concurrent use.
type Probe struct {
	pool *redis.Pool
	keys Keys
	tags func() []string
}

// NewProbe returns a Probe. tags returns one hash tag for each primary, or "" alone where there is no Cluster; it is
// called after a connection was had.
func NewProbe(pool *redis.Pool, prefix string, tags func() []string) *Probe {
	return &Probe{pool: pool, keys: Keys{Prefix: prefix}, tags: tags}
}

// Run saves a value with the script of a commit, over the pool's connections. On a Cluster it does so once for each
// primary, and returns an error only if none of them took the write: while one does, some conversations are answered, and
// a replica that was taken out of the balancer would answer none.
func (p *Probe) Run(ctx context.Context) error {
	conn, err := p.pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var errs []error
	written := false
	for _, tag := range p.tags() {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		err := p.write(conn, p.keys.Probe(tag))
		errs = append(errs, err)
		written = written || err == nil
	}
	if written {
		return nil
	}
	return errors.Join(errs...)
}

// write returns nil only for a write that was accepted. A refusal by compare-and-set is not enough: a server that takes
// no writes refuses in the same words.
func (p *Probe) write(conn redis.Conn, key string) error {
	read := probeValue
	for range probeAttempts {
		reply, err := scripts.record.Do(conn, key, read, probeValue, probeTime.Milliseconds())
		_, large := reply.(int64)
		switch {
		case reply == int64(1):
			return nil
		case large, isCode(err, "WRONGTYPE"):
			// No Probe wrote this, and it may never expire. Messages do not meet it, so it must not make replicas unready.
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

// explain names the command or the key that the user lacks, if that is the reason. Where a script runs into it, Redis says
// ERR and names neither, so the script's commands are tried by themselves.
func (p *Probe) explain(conn redis.Conn, key string, err error) error {
	if isCode(err, "ERR") {
		_, get := conn.Do("GET", key)
		_, length := conn.Do("STRLEN", key)
		_, set := conn.Do("SET", key, probeValue, "PX", probeTime.Milliseconds())
		for _, refusal := range []error{get, length, set} {
			if isCode(refusal, "NOPERM") {
				err = refusal
				break
			}
		}
	}
	if !isCode(err, "NOPERM") {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return fmt.Errorf("the user may not write %s as the service does; it needs the keys %s* and the commands "+
		"get, set, del, type, eval, evalsha, rename, strlen and pexpire: %w", key, p.keys.Prefix, err)
}
