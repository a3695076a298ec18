package phone

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"smsession/internal/cookies"
)

// failure is why a request has no answer.
type failure struct {
	code   int    // Twilio's number; 0 if the sender ended it
	detail string // one plain sentence
	class  policy // the retry policy that has it tried again; 0 for none
	stale  bool   // nothing was sent, for the connection was one that its server had closed
}

// stopped is the failure of a message whose context has ended.
func stopped() *failure {
	return &failure{detail: "The phone was stopped before Twilio would have been done."}
}

// dialFailure names what kept a TCP connection from being made. A host that has no address is not tried again: nothing
// was connected to.
func dialFailure(err error) *failure {
	var (
		unknown *net.DNSError
		useless *net.AddrError
	)
	switch {
	case errors.As(err, &unknown) || errors.As(err, &useless):
		return &failure{code: 11210, detail: "The host name has no address."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &failure{code: 11202, detail: "The connection was refused.", class: retryConnect}
	case isTimeout(err):
		return &failure{code: 11205, detail: "No connection was had in time.", class: retryConnect}
	}
	return &failure{code: 11205, detail: "No connection could be made.", class: retryConnect}
}

// handshakeFailure names what kept TLS from being spoken.
func handshakeFailure(err error) *failure {
	var (
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
	)
	f := failure{code: 11220, detail: "The TLS handshake failed.", class: retryConnect}
	switch {
	case errors.As(err, &hostname):
		f.code, f.detail = 11235, "The certificate is for another host."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.code, f.detail = 11236, "The certificate has expired or is not valid yet."
	case errors.As(err, &authority):
		f.code, f.detail = 11237, "The certificate is not from an authority that is known here."
	case errors.As(err, &record):
		f.detail = "What answered does not speak TLS."
	case isTimeout(err):
		f.detail = "The TLS handshake was not done in time."
	}
	return &f
}

// answerFailure names what kept an answer from being read whole. Once a byte of it has come, nothing is tried again.
//
// Twilio's page of 11205 has the time limits, and that of 11206 a connection that breaks before there is a valid
// answer.
func answerFailure(err error, heard bool) *failure {
	switch {
	case isTimeout(err) && heard:
		return &failure{code: 11205, detail: "The answer was not whole in time."}
	case isTimeout(err):
		return &failure{code: 11205, detail: "No answer came in time.", class: retryRead}
	case !heard:
		return &failure{code: 11206, detail: "The connection was closed before an answer came.", class: retryRest}
	case errors.Is(err, errAnswerTooLong):
		return &failure{code: 11206, detail: "The answer does not end."}
	case errors.Is(err, errPacked):
		return &failure{code: 11206, detail: "The answer is not compressed as it says."}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return &failure{code: 11206, detail: "The connection was closed before the answer was whole."}
	case strings.Contains(strings.ToLower(err.Error()), "set-cookie"):
		// net/http refuses control characters in any header, and quotes the line.
		return &failure{code: 11206, detail: "Twilio refuses the response: " + cookies.ErrCharacter.Error() + "."}
	}
	return &failure{code: 11206, detail: "The answer is not valid HTTP."}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
