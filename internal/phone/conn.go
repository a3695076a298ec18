package phone

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// longestAnswer bounds what is read of one answer, head and body: well over what Twilio takes of it.
const longestAnswer = 1 << 20

var errAnswerTooLong = errors.New("the answer does not end")

// conn is a connection to a server. One request at a time uses it.
type conn struct {
	net.Conn
	raw    net.Conn // the same, without TLS
	peek   peeker   // looks at raw
	server server
	era    int       // of the Network, when it was made
	since  time.Time // when it became idle
	used   bool      // it has carried a request before this one
	reader bufio.Reader

	// Of the request under way:
	end   time.Time       // when it must be done
	until time.Time       // when a read ends, as it is set
	pause time.Duration   // the longest wait for the next bytes
	done  <-chan struct{} // closed when the sender wants no more of it
	heard bool            // a byte of its answer has come
	lost  error           // why no more of it came: who reads lines takes the last piece for one
	left  int             // how many more may come
}

// begin makes the connection ready for a request.
func (c *conn) begin(ctx context.Context, end time.Time, pause time.Duration) {
	c.end, c.until, c.pause, c.done = end, end, pause, ctx.Done()
	c.heard, c.lost, c.left = false, nil, longestAnswer
	c.SetDeadline(end)
}

// quiet reports whether an idle connection, made ready, is one to use: its server has neither closed it nor said
// anything that was not asked for. A request sent into a closed connection would be lost, and nobody could tell.
func (c *conn) quiet() bool { return c.peek.silent() }

// Read reads what comes within the pause. The reader of the answer calls it, a buffer at a time.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errAnswerTooLong
	}
	if err := c.limit(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	c.heard = c.heard || n > 0
	c.lost = err
	return n, err
}

// limit sets when the next read ends: after the pause, and not past the end. By default the pause is as long as all the
// time there is, and then nothing is to be set.
func (c *conn) limit() error {
	until := time.Now().Add(c.pause)
	if until.After(c.end) {
		until = c.end
	}
	if until.Equal(c.until) {
		return nil
	}
	c.until = until
	c.SetReadDeadline(until)
	// Whoever ended the request has put the deadline into the past, and this may just have undone it.
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// handshake puts TLS on the connection. Without the server's name in it (the connection override sni=n) the
// certificate is checked all the same.
func (c *conn) handshake(ctx context.Context, config *tls.Config, limit time.Duration, end time.Time) error {
	config = config.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	config.NextProtos = []string{"http/1.1"}
	host, _, _ := net.SplitHostPort(c.server.dial)
	if config.ServerName == "" {
		config.ServerName = host
	}
	if !c.server.sni && !config.InsecureSkipVerify {
		host, config.ServerName = config.ServerName, ""
		config.InsecureSkipVerify = true
		config.VerifyConnection = verifier(config.RootCAs, host)
	}
	until := time.Now().Add(limit)
	if end.Before(until) {
		until = end
	}
	c.raw.SetDeadline(until)
	secured := tls.Client(c.raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	c.Conn = secured
	return nil
}

// verifier checks a certificate as crypto/tls does when it has the server's name.
func verifier(roots *x509.CertPool, host string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}
