package node

import (
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// This file has all the code that recognizes an error by its text. Nothing else identifies these errors.

// Code returns the code of an error reply of Redis, such as READONLY. It returns "" if err contains no [redis.Error].
//
// The code is the first word of the reply. See
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors. When a command inside a script fails,
// Redis 6.2 and older (evalGenericCommand in src/scripting.c) and Dragonfly put the reply to the command after their
// own: "ERR Error running script (call to f_…): @user_script:1: @user_script: 1: -READONLY You can't write against a
// read only replica." Code then returns the code of the inner reply.
func Code(err error) string {
	reply, _ := errors.AsType[redis.Error](err)
	code, rest, _ := strings.Cut(string(reply), " ")
	if _, inner, found := strings.Cut(rest, ": -"); found && code == "ERR" {
		code, _, _ = strings.Cut(inner, " ")
	}
	return code
}

// redact returns an error reply without the arguments that a server quotes if it does not know a command, for example
// because the command was renamed. The arguments can contain phone numbers, tokens and the password of AUTH. Redis 5.0
// and later write this text (src/server.c; commandCheckExistence since 7.0).
func redact(err error) error {
	reply, _ := errors.AsType[redis.Error](err)
	text, _, quotes := strings.Cut(string(reply), ", with args beginning with")
	if !quotes {
		return err
	}
	return redis.Error(text)
}

// isAlert reports whether the server ended the TLS handshake with an alert, for example because it does not accept our
// certificate. crypto/tls has no exported type for an alert that it received over TCP. It returns a
// net.OpError with this Op (readRecordOrCCS in src/crypto/tls/conn.go of Go 1.26).
func isAlert(err error) bool {
	network, ok := errors.AsType[*net.OpError](err)
	return ok && network.Op == "remote error"
}
