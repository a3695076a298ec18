package session

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

const (
	to   = "+15005550006"
	from = "+12025550143"

	// running is the token of a conversation that has begun.
	running = "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"
)

// sharedSCS is shared by all Managers, because each call of scs.New starts a goroutine that never ends.
var sharedSCS = scs.New()

// newManager returns a Manager with the usual options.
func newManager(pool *redis.Pool, connections int) *Manager {
	return New(Options{SCS: sharedSCS, Pool: pool, Connections: connections, Prefix: "sms:", IdleTimeout: 4 * time.Hour,
		Lifetime: 720 * time.Hour, Budget: 10 * time.Second, Responder: conversation.Counter{}})
}

// incoming is a message of the usual sender that arrives now.
func incoming(sid string, ends bool) Incoming {
	return Incoming{Message: conversation.Message{SID: sid, From: from, To: to}, Ends: ends, Received: time.Now()}
}

// served is the response to a request.
type served struct {
	code    int
	text    string
	cookie  string // the header
	outcome Outcome
}

// serve sends a message through the middleware.
func serve(m *Manager, in Incoming, cookie string) served {
	return serveContext(context.Background(), m, in, cookie)
}

// admits returns a function that admits every request with a message.
func admits(in Incoming) Admit {
	return func(http.ResponseWriter, *http.Request) *Incoming { return &in }
}

func serveContext(ctx context.Context, m *Manager, in Incoming, cookie string) (s served) {
	r := httptest.NewRequestWithContext(ctx, "POST", "/sms", nil)
	if cookie != "" {
		r.Header.Set("Cookie", CookieName+"="+cookie)
	}
	w := httptest.NewRecorder()
	m.Middleware(admits(in), func(_ http.ResponseWriter, r *http.Request) {
		s.outcome = OutcomeFrom(r.Context())
		s.code, s.text = http.StatusServiceUnavailable, s.outcome.Err.Error()
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.outcome = OutcomeFrom(r.Context())
		s.code, s.text = http.StatusOK, strings.Join(s.outcome.Reply.Texts, "\n")
	})).ServeHTTP(w, r)
	s.cookie = w.Header().Get("Set-Cookie")
	return s
}

// recordAfter is the record of a conversation of n messages. Its revision is n.
func recordAfter(n int) *record.Record {
	r := record.New(to, from).Begin(time.Now(), time.Hour)
	for i := range n {
		state := conversation.State{Counter: int64(i + 1)}
		r = r.Answer(state, time.Now(), fmt.Sprint("SMold", i), conversation.Reply{}, recallsNothing)
	}
	return withRevision(r, fmt.Sprintf("%011d", n))
}

// withRevision returns the record with another revision.
func withRevision(r *record.Record, revision string) *record.Record {
	text := bytes.Replace(r.Bytes(), r.Front(), []byte(`{"revision":"`+revision+`"`), 1)
	again, err := record.Parse(text)
	if err != nil {
		panic(err) // only if r was not encoded
	}
	return again
}

// recallsNothing derives the empty reply.
func recallsNothing(int64) conversation.Reply { return conversation.Reply{} }

// canned is a Redis that costs nothing: every session is the same one, and every commit succeeds.
type canned struct {
	redis.Conn
	record []byte
}

func (c canned) Close() error              { return nil }
func (c canned) Err() error                { return nil }
func (c canned) Flush() error              { return nil }
func (c canned) Send(string, ...any) error { return nil }
func (c canned) Receive() (any, error)     { return int64(1), nil }
func (c canned) Do(command string, args ...any) (any, error) {
	switch {
	case command == "":
		return nil, nil
	case isOfCommit(command, args):
		return int64(1), nil
	}
	return bytes.Clone(c.record), nil
}

// isOfCommit reports whether a command belongs to a commit.
func isOfCommit(command string, args []any) bool {
	return command == "GETEX" ||
		command == "EVALSHA" && (args[0] == scripts.record.Hash() || args[0] == scripts.pointer.Hash())
}
