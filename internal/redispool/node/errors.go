package node

import (
	"crypto/tls"
	"errors"
)

// refusal is an error after which it is useless to try again.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// Refuse returns err as an error for which [Refused] returns true. The result wraps err.
func Refuse(err error) error { return refusal{err} }

// Refused reports whether it is useless to try again after err: the server refuses our login or a command, we do not
// accept the certificate of the server, or Refuse has returned err.
func Refused(err error) bool {
	_, refused := errors.AsType[refusal](err)
	code := Code(err)
	return refused || Outdated(err) || code == "NOPERM" || code == "DENIED"
}

// Outdated reports whether another login could help after err: the server does not accept ours, or we do not accept its
// certificate.
func Outdated(err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	code := Code(err)
	return untrusted || isAlert(err) || code == "NOAUTH" || code == "WRONGPASS"
}

// unavailable reports whether another server, or this server at a later time, would accept the command. It returns
// false if the server is short of disk, memory or time, because no other server has the sessions.
// See https://redis.io/docs/latest/develop/reference/errors/.
func unavailable(code string) bool {
	switch code {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN",
		"NOREPLICAS", // a primary that is cut off from the other servers and does not know that they have a new primary
		"UNBLOCKED":  // the server became a replica during WAIT
		return true
	}
	return false
}

// reusable reports whether a connection can be used again after a script got this code. Another connection to this
// server would get the same reply. If another server must get the command, the reply contains its address.
func reusable(code string) bool {
	switch code {
	case "NOSCRIPT", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "WRONGTYPE", "NOPERM", "OOM", "MISCONF", "BUSY":
		return true
	}
	return false
}
