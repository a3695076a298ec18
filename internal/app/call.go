package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// The pauses before a request is tried again double from the first to the longest one. An app that starts within a
// second costs the sender little more than that second.
const firstPause, longestPause = 20 * time.Millisecond, 500 * time.Millisecond

// roundTrip sends a request and reads the answer. Only a request of which nothing was sent is tried again, until ctx
// ends: the app cannot have received it. tries is how often roundTrip tried. limit is the size of the largest body.
func (c *client) roundTrip(ctx context.Context, r *http.Request, body string, limit int) (
	_ answer, tries int, _ *failure,
) {
	for pause := firstPause; ; {
		tries++
		res, a := c.pool.attempt(ctx, r, body, limit)
		switch {
		case a.err == nil:
			return res, tries, nil
		case a.isSent || ctx.Err() != nil:
			return res, tries, a.failure(ctx, r)
		}
		c.retries.Inc()
		if a.isReused {
			continue // each such attempt removes a dead connection from the pool
		}
		select {
		case <-ctx.Done():
			return res, tries, a.failure(ctx, r)
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, longestPause)
		}
	}
}

// attempt is the end of one attempt to send a request.
type attempt struct {
	isReused bool // the connection had been used before
	isSent   bool // the app may have received a part of the request
	err      error
}

// attempt sends a request over one connection.
func (p *pool) attempt(ctx context.Context, r *http.Request, body string, limit int) (answer, attempt) {
	c, isReused, err := p.get(ctx)
	if err != nil {
		return answer{}, attempt{err: err}
	}
	got, isSent, isReusable, err := c.exchange(ctx, r, body, limit)
	if isReusable {
		p.put(c)
	} else {
		c.socket.Close() // TLS would try for 5 s to tell an app that reads nothing
	}
	return got, attempt{isReused, isSent, err}
}

// failure returns why an attempt has no complete answer.
func (a attempt) failure(ctx context.Context, r *http.Request) *failure {
	switch server := r.URL.Scheme + "://" + r.URL.Host; {
	case !a.isSent:
		return newFailure(Unreachable, "The app is not reachable at %s: %s.", server, reason(a.err))
	case setsControlCharacter(a.err):
		return newFailure(Cookies, "A Set-Cookie header of the app has a control character.")
	case ctx.Err() != nil:
		return newFailure(Timeout, "The app received the request, but did not answer completely in time.")
	default:
		return newFailure(Broken, "The app received the request, but its answer is not complete or is not HTTP: %s.",
			reason(a.err))
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
