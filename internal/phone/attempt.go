package phone

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"smsession/internal/socket"
	"smsession/internal/twiml"
)

// response is a complete HTTP response.
type response struct {
	status int
	header http.Header
	body   []byte // without content encoding, cut off after twiml.MaxBytes + 1
}

// roundTrip sends a request and reads the response. It sends the request again only if the server cannot have received
// the request: the connection had been used before, and the server closed the connection before a byte was written. A
// byte of the response proves that the request was sent, even if Write has not returned yet.
func (n *Network) roundTrip(
	ctx context.Context, r *http.Request, body []byte, o overrides, end time.Time,
) (response, *failure) {
	for {
		a := &attempt{pause: o.read, end: end}
		res, err := a.send(ctx, n.transport(o), r, body)
		if err == nil {
			return res, nil
		}
		failed := a.failure(err)
		switch {
		case ctx.Err() != nil:
			return response{}, &failure{detail: "The delivery was cancelled before the response was complete."}
		case a.reused && !a.sent.Load() && !a.received.Load() && err != errTimeout:
			continue
		case failed.code == 11205 && o.hasTotal && !time.Now().Before(end):
			return response{}, &failure{code: 11203, detail: "The total time-out in the URL (tt) has passed."}
		}
		return response{}, failed
	}
}

// errTimeout is the error of an attempt that takes too long.
var errTimeout = errors.New("timeout")

// attempt is one attempt to send a request. It times out at the time end, or earlier if no byte is transferred for the
// duration of pause.
type attempt struct {
	pause time.Duration
	end   time.Time
	timer *time.Timer

	hasConn, reused bool        // the attempt has a connection; the connection has been used before
	sent, received  atomic.Bool // a byte of the request has been written; a byte of the response has been read
}

// send sends a request once and reads the response.
func (a *attempt) send(
	ctx context.Context, via *http.Transport, r *http.Request, body []byte,
) (res response, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.timer = time.AfterFunc(time.Until(a.end), func() { cancel(errTimeout) })
	defer a.timer.Stop()
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: a.start}))
	r.ContentLength = int64(len(body))
	// net/http never repeats a request with this body, because it cannot read the body twice. Without a body, it would
	// repeat a GET that the server may have received.
	r.Body = io.NopCloser(bytes.NewReader(body))
	httpResponse, err := via.RoundTrip(r)
	if err == nil {
		res, err = readResponse(httpResponse)
	}
	if err != nil && context.Cause(ctx) == errTimeout {
		err = errTimeout
	}
	return res, err
}

// readResponse reads a response up to one byte more than Twilio accepts, and decompresses the body.
func readResponse(r *http.Response) (response, error) {
	defer r.Body.Close()
	res := response{status: r.StatusCode, header: r.Header}
	if r.StatusCode == http.StatusSwitchingProtocols {
		return res, nil // after this status, the body would be the connection
	}
	body := io.Reader(r.Body)
	var err error
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") && r.ContentLength != 0 {
		if body, err = gzip.NewReader(body); err != nil {
			return response{}, err
		}
	}
	res.body, err = io.ReadAll(io.LimitReader(body, twiml.MaxBytes+1))
	return res, err
}

// start begins the attempt on a connection. If the server has closed a reused connection, or has sent bytes on it
// without a request, start closes the connection before anything is sent. roundTrip then uses another connection.
func (a *attempt) start(info httptrace.GotConnInfo) {
	c := info.Conn.(*conn)
	c.attempt.Store(a)
	a.hasConn, a.reused = true, info.Reused
	if info.Reused && socket.Peek(c.raw) != socket.Quiet {
		c.Close()
	}
	a.progress()
}

// progress restarts the timer, because data was transferred.
func (a *attempt) progress() { a.timer.Reset(min(a.pause, time.Until(a.end))) }

// conn is a connection that reports each transfer to its current attempt.
type conn struct {
	net.Conn
	raw     *net.TCPConn // the connection below TLS
	attempt atomic.Pointer[attempt]
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if a := c.attempt.Load(); a != nil && n > 0 {
		a.received.Store(true)
		a.progress()
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if a := c.attempt.Load(); a != nil && n > 0 {
		a.sent.Store(true)
		a.progress()
	}
	return n, err
}
