package redispool

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
)

// current returns the URL with the current logins.
func (o Options) current() redisurl.URL {
	if o.Current != nil {
		return o.Current()
	}
	return o.URL
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
