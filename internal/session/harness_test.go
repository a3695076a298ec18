package session_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/session"
)

const (
	to   = "+15005550006"
	from = "+12025550143"

	pointerKey = "sms:conversation:+15005550006:+12025550143"
)

// sharedSCS is shared by all Managers, because each call of scs.New starts a goroutine that never ends.
var sharedSCS = scs.New()

// replica is one Manager and its pool.
type replica struct {
	manager *session.Manager
	pool    session.Pool
}

// usual returns the options of most tests.
func usual(addr string) session.Options {
	return session.Options{
		SCS: sharedSCS,
		// The time-out is long, so that a busy machine causes no second attempt.
		Pool: redispool.Open(redispool.Options{
			URL: redisurl.URL{Addrs: []string{addr}}, Timeout: time.Minute,
		}),
		Connections: redispool.Size,
		Prefix:      "sms:",
		IdleTimeout: 4 * time.Hour,
		Lifetime:    720 * time.Hour,
		Budget:      10 * time.Second,
		Responder:   conversation.Counter{},
	}
}

func newReplica(tb testing.TB, o session.Options) *replica {
	tb.Helper()
	tb.Cleanup(func() { o.Pool.(io.Closer).Close() })
	return &replica{manager: session.New(o), pool: o.Pool}
}

func failed(w http.ResponseWriter, r *http.Request) {
	http.Error(w, session.OutcomeFrom(r.Context()).Err.Error(), http.StatusServiceUnavailable)
}

func answer(w http.ResponseWriter, r *http.Request) {
	o := session.OutcomeFrom(r.Context())
	fmt.Fprint(w, strings.Join(o.Reply.Texts, "\n"), o.Reply.TwiML)
}

// answered is the response to a message.
type answered struct {
	status  int
	text    string
	cookie  string // the token
	maxAge  int
	outcome session.Outcome
}

// send delivers a message from the usual sender.
func (r *replica) send(sid, cookie string) answered {
	return r.deliver(session.Incoming{Message: messageOf(from, sid)}, cookie)
}

// stop delivers a message that ends the session.
func (r *replica) stop(sid, cookie string) answered {
	return r.deliver(session.Incoming{Message: messageOf(from, sid), Ends: true}, cookie)
}

func (r *replica) deliver(in session.Incoming, cookie string) answered {
	return r.deliverContext(context.Background(), in, cookie)
}

func (r *replica) deliverContext(ctx context.Context, in session.Incoming, cookie string) answered {
	var a answered
	in.Received = time.Now()
	req := httptest.NewRequestWithContext(ctx, "POST", "/sms", nil)
	if cookie != "" {
		req.Header.Set("Cookie", session.CookieName+"="+cookie)
	}
	w := httptest.NewRecorder()
	admit := func(http.ResponseWriter, *http.Request) *session.Incoming { return &in }
	record := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			a.outcome = session.OutcomeFrom(req.Context())
			next(w, req)
		}
	}
	r.manager.Middleware(admit, record(failed))(record(answer)).ServeHTTP(w, req)
	a.status, a.text = w.Code, w.Body.String()
	for _, c := range w.Result().Cookies() {
		a.cookie, a.maxAge = c.Value, c.MaxAge
	}
	return a
}

// expect fails the test unless the answer is 200 with the text.
func (a answered) expect(t *testing.T, text string) answered {
	t.Helper()
	if a.status != http.StatusOK || a.text != text {
		t.Fatalf("got %d %q, want %q", a.status, a.text, text)
	}
	return a
}

// get reads a string. It returns "" if there is no such key.
func get(t *testing.T, conn redis.Conn, key string) string {
	t.Helper()
	s, err := redis.String(conn.Do("GET", key))
	if err != nil && err != redis.ErrNil {
		t.Fatalf("GET %s: %v", key, err)
	}
	return s
}

func do(t *testing.T, conn redis.Conn, command string, args ...any) any {
	t.Helper()
	reply, err := conn.Do(command, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", command, args, err)
	}
	return reply
}

// revised returns a record that was edited by hand, with the new revision that it needs.
func revised(record string) string {
	return regexp.MustCompile(`^{"revision":"[^"]*"`).ReplaceAllString(record, `{"revision":"edited-by-hand"`)
}

// keys returns all keys.
func keys(t *testing.T, conn redis.Conn) []string {
	t.Helper()
	all, err := redis.Strings(conn.Do("KEYS", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func messageOf(from, sid string) conversation.Message {
	return conversation.Message{SID: sid, From: from, To: to, Body: "hello"}
}
