package phone

import (
	"compress/flate"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"syscall"
)

// failure is the reason why a request has no valid response.
type failure struct {
	code   int    // Twilio's error number; 0 if the phone itself ended the request
	detail string // in full sentences
	policy policy // the retry policy that covers the failure; 0 if no policy does

	notFollowed string // the server of a URL that Options.Follow refused
}

func (f *failure) Error() string { return f.detail }

// dialFailure returns the failure of an attempt to make a TCP connection. If the host has no address, Twilio does not
// try again, because it has not tried to connect.
func dialFailure(err error) *failure {
	switch {
	case is[*net.DNSError](err) || is[*net.AddrError](err):
		return &failure{code: 11210, detail: "The host name has no address."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &failure{code: 11202, detail: "The connection was refused.", policy: retryConnect}
	case isTimeout(err):
		return &failure{code: 11205, detail: "The connection timed out.", policy: retryConnect}
	}
	return &failure{code: 11205, detail: "The connection failed.", policy: retryConnect}
}

// handshakeFailure returns the failure of a TLS handshake.
func handshakeFailure(err error) *failure {
	f := failure{code: 11220, detail: "The TLS handshake failed.", policy: retryConnect}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case is[x509.HostnameError](err):
		f.code, f.detail = 11235, "The certificate is for another host."
	case isInvalid && invalid.Reason == x509.Expired:
		f.code, f.detail = 11236, "The certificate has expired or is not valid yet."
	case is[x509.UnknownAuthorityError](err):
		f.code, f.detail = 11237, "The certificate is not from an authority that this computer trusts."
	case is[tls.RecordHeaderError](err):
		f.detail = "The server does not use TLS."
	case isTimeout(err):
		f.detail = "The TLS handshake timed out."
	}
	return &f
}

// failure returns the failure of an attempt without a complete response. Twilio does not try again after it has
// received a byte of the response.
//
// Twilio's page on error 11205 describes time-outs. The page on error 11206 describes connections that end before there
// is a valid response.
func (a *attempt) failure(err error) *failure {
	received := a.received.Load()
	f := failure{code: 11206}
	switch failed, isDial := errors.AsType[*failure](err); {
	case isDial:
		return failed
	case err == errTimeout && !a.hasConn:
		f.code, f.detail, f.policy = 11205, "The connection timed out.", retryConnect
	case err == errTimeout && !received:
		f.code, f.detail, f.policy = 11205, "No response came in time.", retryRead
	case err == errTimeout:
		f.code, f.detail = 11205, "The response was not complete in time."
	case !received && a.reused:
		f.detail = "The server closed the connection before a response came. The connection was kept from an earlier " +
			"request, so the server may have closed it because it was idle."
		f.policy = retryOther
	case !received:
		f.detail, f.policy = "The server closed the connection before a response came.", retryOther
	case is[flate.CorruptInputError](err) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum):
		f.detail = "The body of the response is not correctly compressed with gzip, as its Content-Encoding requires."
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		f.detail = "The server closed the connection before the response was complete."
	case is[textproto.ProtocolError](err):
		f.detail = "A header of the response is malformed or has a control character."
	default:
		f.detail = "The response is not valid HTTP, or its head is too long."
	}
	return &f
}

// is reports whether an error, or one that it wraps, has the type E.
func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}

func isTimeout(err error) bool {
	timeout, found := errors.AsType[net.Error](err)
	return found && timeout.Timeout()
}
