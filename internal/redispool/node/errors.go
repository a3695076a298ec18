package node

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// refusal is an error that waiting cannot remove.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// Refuse returns err as an error for which Refused returns true.
func Refuse(err error) error { return refusal{err} }

// Refused reports whether waiting cannot remove err: the server refuses our login or a command, we do not accept the
// certificate of the server, or Refuse has returned err.
func Refused(err error) bool {
	_, refused := errors.AsType[refusal](err)
	code := Code(err)
	return refused || Outdated(err) || code == "NOPERM" || code == "DENIED"
}

// Outdated reports whether another login could remove an error: the server does not accept ours, or we do not accept its
// certificate.
func Outdated(err error) bool {
	if network, ok := errors.AsType[*net.OpError](err); ok && network.Op == "remote error" {
		return true // crypto/tls marks an alert of the server with this Op
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	code := Code(err)
	return untrusted || code == "NOAUTH" || code == "WRONGPASS"
}

// Code returns the code of an error reply, such as READONLY, or "" if err is not an error reply. When a command inside a
// script fails, Redis before 7.0 and Dragonfly put the command's error behind their own: "ERR Error running script (call
// to f_…): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica." The code is then the
// command's.
func Code(err error) string {
	reply, isReply := errors.AsType[redis.Error](err)
	if !isReply {
		return ""
	}
	code, rest, _ := strings.Cut(string(reply), " ")
	if _, inner, found := strings.Cut(rest, ": -"); found && code == "ERR" {
		code, _, _ = strings.Cut(inner, " ")
	}
	return code
}

// demoted reports whether another server, or this server at a later time, would accept the command. The codes of
// harmless are not among these: a server that is short of disk, memory or time still has the sessions.
// See https://redis.io/docs/latest/develop/reference/errors/.
func demoted(code string) bool {
	switch code {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN",
		"NOREPLICAS", // a primary that is cut off from the other servers and does not know that they have a new primary
		"UNBLOCKED":  // the server became a replica during WAIT
		return true
	}
	return false
}

// harmless reports whether a connection can be used again after a script got this code. Another connection to this server
// would get the same reply, and this is the right server or its reply names the right one.
func harmless(code string) bool {
	switch code {
	case "NOSCRIPT", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "WRONGTYPE", "NOPERM", "OOM", "MISCONF", "BUSY":
		return true
	}
	return false
}

// redact returns an error reply without the arguments that a server quotes if it does not know a command, for example
// because the command was renamed. The arguments can contain phone numbers, tokens and the password of AUTH.
func redact(err error) error {
	reply, _ := errors.AsType[redis.Error](err)
	text, _, quotes := strings.Cut(string(reply), ", with args beginning with")
	if !quotes {
		return err
	}
	return redis.Error(text)
}
