package redispool

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Credentials are what may change while a pool is in use: who we are at Redis and at its Sentinels, and which certificates
// we trust there.
type Credentials struct {
	TLS                *tls.Config // nil: plain TCP
	Username, Password string

	SentinelTLS                        *tls.Config
	SentinelUsername, SentinelPassword string
}

// current returns o with the credentials of the moment.
func (o Options) current() Options {
	if o.Credentials == nil {
		return o
	}
	c := o.Credentials()
	o.TLS, o.Username, o.Password = c.TLS, c.Username, c.Password
	if o.Sentinels != nil {
		s := *o.Sentinels
		s.TLS, s.Username, s.Password = c.SentinelTLS, c.SentinelUsername, c.SentinelPassword
		o.Sentinels = &s
	}
	return o
}

// judge calls Outdated if err is a reason to.
func (o Options) judge(err error) {
	if o.Outdated != nil && outdated(err) {
		o.Outdated()
	}
}

// outdated reports whether other credentials may end an error: the server does not accept ours, or we do not accept its
// certificate.
func outdated(err error) bool {
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	var reply redis.Error
	switch {
	case errors.As(err, &certificate):
		return true
	case errors.As(err, &network) && network.Op == "remote error": // crypto/tls's word for what the server says of our certificate
		return true
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(string(reply), " ")
		return code == "NOAUTH" || code == "WRONGPASS"
	}
	return false
}
