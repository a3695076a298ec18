package redispool

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Credentials are the logins at Redis and at its Sentinels. They may change while a pool is in use.
type Credentials struct{ Redis, Sentinels Login }

// Login is the user and the password for a server, and the TLS configuration with the certificates that we trust.
type Login struct {
	TLS                *tls.Config // nil: plain TCP
	Username, Password string
}

// credentials returns the current credentials.
func (o Options) credentials() (c Credentials) {
	if o.Credentials != nil {
		c = o.Credentials()
	}
	return c
}

// judge calls Outdated if err can be caused by old credentials.
func (o Options) judge(err error) {
	if o.Outdated != nil && outdated(err) {
		o.Outdated()
	}
}

// outdated reports whether other credentials could remove an error: the server does not accept ours, or we do not
// accept its certificate.
func outdated(err error) bool {
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	var reply redis.Error
	switch {
	case errors.As(err, &certificate):
		return true
	case errors.As(err, &network) && network.Op == "remote error": // crypto/tls marks a TLS alert of the server with this Op
		return true
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(string(reply), " ")
		return code == "NOAUTH" || code == "WRONGPASS"
	}
	return false
}
