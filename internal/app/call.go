package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"smsession/internal/socket"
)

const (
	// connectTimeout is the time for one TCP connection, and again for its TLS handshake. It lets a request be tried a
	// second time within the default APP_TIMEOUT.
	connectTimeout = 3 * time.Second

	// idleTimeout is how long an unused connection is kept. Common servers keep it longer (gunicorn for 2 s, Node for
	// 5 s), so a request is rarely sent on a connection that its server is closing.
	idleTimeout = time.Second

	// The pauses before a request is tried again double from the first to the longest one. An app that starts within a
	// second costs the sender little more than that second.
	firstPause, longestPause = 20 * time.Millisecond, 500 * time.Millisecond

	maxHead = 128 << 10 // bytes of the head of an answer; 50 cookies and their attributes need less
)

// newTransport returns a pool of HTTP/1.1 connections to the app, of which at most idle are kept. It uses no proxy: the
// app belongs to the same team, and HTTP_PROXY is usually set for requests to the internet.
func newTransport(idle int) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    connectTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idle,
		MaxResponseHeaderBytes: maxHead,
	}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw}, nil
}

// conn is a connection that reports to its current attempt whether something was written.
type conn struct {
	net.Conn
	attempt atomic.Pointer[attempt]
}

// Write reports before it writes, because the answer may be read before Write returns.
func (c *conn) Write(p []byte) (int, error) {
	a := c.attempt.Load()
	isFirst := a != nil && !a.isSent.Swap(true)
	n, err := c.Conn.Write(p)
	if isFirst && n == 0 {
		a.isSent.Store(false)
	}
	return n, err
}

// answer is a complete HTTP response.
type answer struct {
	status int
	header http.Header
	body   []byte // decompressed, cut off after one byte more than the limit
}

// roundTrip sends a request and reads the answer. Only a request of which nothing was sent is tried again, until ctx
// ends: the app cannot have received it. tries is how often roundTrip tried. limit is the size of the largest body.
func (c *client) roundTrip(ctx context.Context, r *http.Request, body []byte, limit int64) (
	_ answer, tries int, _ *failure,
) {
	for pause := firstPause; ; {
		tries++
		a := new(attempt)
		res, err := a.send(ctx, c.transport, r, body, limit)
		switch {
		case err == nil:
			return res, tries, nil
		case a.isSent.Load() || ctx.Err() != nil:
			return res, tries, a.failure(ctx, r, err)
		}
		c.retries.Inc()
		if a.isReused {
			continue // each such attempt removes a dead connection from the pool
		}
		select {
		case <-ctx.Done():
			return res, tries, a.failure(ctx, r, err)
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, longestPause)
		}
	}
}

// attempt is one attempt to send a request.
type attempt struct {
	isReused bool        // the connection had been used before
	isSent   atomic.Bool // a byte of the request has been written, or is being written
}

func (a *attempt) send(
	ctx context.Context, t *http.Transport, r *http.Request, body []byte, limit int64,
) (answer, error) {
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: a.start}))
	r.ContentLength = int64(len(body))
	// net/http never sends a request with this body again, because it cannot read the body twice. Without a body, it
	// would send a GET again that the app may have received, if a reused connection breaks.
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 { // otherwise, net/http sends a chunked body if it does not find the end of it within 200 ms
		r.TransferEncoding = []string{"identity"}
	}
	res, err := t.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got := answer{status: res.StatusCode, header: res.Header}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return got, nil // after this status, the body would be the connection
	}
	got.body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	return got, err
}

// start begins the attempt on a connection. If the server has closed a reused connection, start closes it before
// anything is sent, and roundTrip uses another one.
func (a *attempt) start(info httptrace.GotConnInfo) {
	a.isReused = info.Reused
	raw := info.Conn
	if secured, isTLS := raw.(*tls.Conn); isTLS {
		raw = secured.NetConn()
	}
	c := raw.(*conn)
	c.attempt.Store(a)
	if info.Reused && socket.Peek(c.Conn) != socket.Quiet {
		c.Close()
	}
}

// failure returns why an attempt has no complete answer.
func (a *attempt) failure(ctx context.Context, r *http.Request, err error) *failure {
	switch server := r.URL.Scheme + "://" + r.URL.Host; {
	case !a.isSent.Load():
		return newFailure(Unreachable, "The app is not reachable at %s: %s.", server, reason(err))
	case setsControlCharacter(err):
		return newFailure(Cookies, "A Set-Cookie header of the app has a control character.")
	case ctx.Err() != nil:
		return newFailure(Timeout, "The app received the request, but did not answer completely in time.")
	default:
		return newFailure(Broken, "The app received the request, but its answer is not complete or is not HTTP: %s.",
			reason(err))
	}
}

// setsControlCharacter reports whether net/http refused the head of an answer because of a control character in a
// Set-Cookie header. The error consists of the refused line, so its text is the only place where the header is found.
func setsControlCharacter(err error) bool {
	refused, isRefused := errors.AsType[textproto.ProtocolError](err)
	return isRefused && strings.Contains(strings.ToLower(string(refused)), "set-cookie:")
}

// reason returns the text of an error of a connection.
func reason(err error) string {
	dialing, isDial := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no connection could be made in time"
	case isDial && dialing.Op == "dial":
		return dialing.Err.Error() // without the addresses
	}
	return err.Error()
}
