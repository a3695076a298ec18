package server

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"smsession/internal/session"
)

// observed is what the log line and the metrics tell about a request, besides its result.
type observed struct {
	at      time.Time        // when the request arrived
	id      uint64           // chosen at random, so that the log lines of a request can be found
	in      session.Incoming // zero unless the request has a message
	outcome session.Outcome  // zero unless the message was delivered
}

// arrive observes a request that arrives now.
func arrive() observed { return observed{at: time.Now(), id: rand.Uint64()} }

// delivered observes a request whose message was delivered.
func delivered(r *http.Request) observed {
	in := session.IncomingFrom(r.Context())
	return observed{at: in.Received, id: rand.Uint64(), in: in, outcome: session.OutcomeFrom(r.Context())}
}

// requestID is the same in all log lines of a request.
func (x *observed) requestID() slog.Attr {
	return slog.String("request_id", strconv.FormatUint(x.id, 16))
}
