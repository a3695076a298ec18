package inspect

import (
	"errors"
	"fmt"
	"net"

	"smsession/internal/redispool"
	"smsession/internal/redispool/node"
)

// ErrUnknown is the error of Select and Find if a number has no conversation. It does not quote the number.
var ErrUnknown = errors.New("there is no conversation of that number: it never sent a message, its session has expired, " +
	"or it is written in another way, such as with whatsapp: before it")

// errUnknownToken is the error of Select and Find if no session has the token.
var errUnknownToken = errors.New("no session has a token that begins with these characters: it may have expired, " +
	"or its record could not be read and is in quarantine for 7 days")

// explain adds to an error of Redis what an operator can do. It wraps err, and returns nil if err is nil.
func explain(err error) error {
	switch {
	case node.Code(err) == "NOPERM":
		return fmt.Errorf("the user of REDIS_URL lacks a right: it needs SCAN, GET, STRLEN and PTTL, for end also "+
			"SET, DEL, TYPE, EVAL and EVALSHA, with REDIS_WAIT_REPLICAS also WAIT, on a Cluster also CLUSTER SLOTS, "+
			"and the keys of the prefix: %w", err)
	case isUnreachable(err):
		return fmt.Errorf("%w; check that Redis runs and that REDIS_URL is right", err)
	case redispool.Refused(err):
		return fmt.Errorf("the Redis of REDIS_URL refuses us: %w", err)
	}
	return err
}

// isUnreachable reports whether err means that no connection was made.
func isUnreachable(err error) bool {
	failed, isNetwork := errors.AsType[*net.OpError](err)
	_, isName := errors.AsType[*net.DNSError](err)
	return isName || isNetwork && failed.Op == "dial"
}
