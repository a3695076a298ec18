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
	code   int    // Twilio's number; 0 if the phone itself ended the request
	detail string // one sentence
	policy policy // the retry policy after which Twilio tries again; 0 for none
	unsent bool   // nothing was sent, because the server had closed the connection after an earlier request
}

func (f *failure) Error() string { return f.detail }

// stopped returns the failure of a message whose context has ended.
func stopped() *failure {
	return &failure{detail: "The phone was stopped before Twilio would have finished."}
}

// dialFailure returns why there is no TCP connection. After a host without an address, Twilio does not try again, because
// it did not try to connect.
func dialFailure(err error) *failure {
	var noHost *net.DNSError
	var noAddress *net.AddrError
	switch {
	case errors.As(err, &noHost) || errors.As(err, &noAddress):
		return &failure{code: 11210, detail: "The host name has no address."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &failure{code: 11202, detail: "The connection was refused.", policy: retryConnect}
	case isTimeout(err):
		return &failure{code: 11205, detail: "The connection timed out.", policy: retryConnect}
	}
	return &failure{code: 11205, detail: "The connection failed.", policy: retryConnect}
}

// handshakeFailure returns why the TLS handshake failed.
func handshakeFailure(err error) *failure {
	var (
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
	)
	f := failure{code: 11220, detail: "The TLS handshake failed.", policy: retryConnect}
	switch {
	case errors.As(err, &hostname):
		f.code, f.detail = 11235, "The certificate is for another host."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.code, f.detail = 11236, "The certificate has expired or is not valid yet."
	case errors.As(err, &authority):
		f.code, f.detail = 11237, "The certificate is not from an authority that is known here."
	case errors.As(err, &record):
		f.detail = "The server does not use TLS."
	case isTimeout(err):
		f.detail = "The TLS handshake timed out."
	}
	return &f
}

// failure returns why there is no complete response. Once a byte of the response has come, Twilio does not try again.
//
// Twilio's page on 11205 has the time-outs, and the page on 11206 has connections that break before there is a valid
// response.
func (a *attempt) failure(err error) *failure {
	var failed *failure
	var header textproto.ProtocolError
	heard := a.heard.Load()
	switch {
	case errors.As(err, &failed): // from the dialer
		return failed
	case err == errTimeout && !a.hasConn:
		return &failure{code: 11205, detail: "The connection timed out.", policy: retryConnect}
	case err == errTimeout && !heard:
		return &failure{code: 11205, detail: "No response came in time.", policy: retryRead}
	case err == errTimeout:
		return &failure{code: 11205, detail: "The response was not complete in time."}
	case !heard && a.reused:
		return &failure{
			code:   11206,
			detail: "The server closed a connection, which was kept from an earlier request, before a response came. This may be chance.",
			policy: retryOther,
			unsent: !a.sent.Load(),
		}
	case !heard:
		return &failure{code: 11206, detail: "The server closed the connection before a response came.", policy: retryOther}
	case isCompression(err):
		return &failure{code: 11206, detail: "The response is not compressed as its header says."}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return &failure{code: 11206, detail: "The server closed the connection before the response was complete."}
	case errors.As(err, &header):
		return &failure{code: 11206, detail: "A header of the response is malformed or has a control character."}
	}
	return &failure{code: 11206, detail: "The response is not valid HTTP, or its head is too long."}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isCompression(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}
