package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// exchange is what one request leaves for its log line. Only the request's own goroutine touches it.
type exchange struct {
	message  conversation.Message // once the signature is verified
	keyword  twilio.Keyword       // of the message
	status   int                  // 0 for 200
	result   string               // why there was no session; else report.Result
	err      error                // what kept the session away
	failed   bool                 // whatever the status is
	stranger bool                 // it was refused before its signature was verified
	report   session.Report
}

type exchangeKey struct{}

func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// observe logs one line for every request, counts it, and turns a panic into a 500. While the server drains, it asks for
// every connection to be closed, so that a balancer's idle ones are gone before the listener is.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		connFrom(r.Context()).headRead()
		x := &exchange{report: session.Report{Received: start}}
		w = &closer{w, s.Health}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		defer func() {
			if p := recover(); p != nil {
				s.panicked(w, r, p)
			}
			now := time.Now()
			s.metrics.count(r.URL.Path, x, now)
			s.log(r, x, now.Sub(start))
		}()
		next.ServeHTTP(w, r)
	})
}

// closer decides when the answer goes out, not when the request came in: Redis may have been waited for in between.
type closer struct {
	http.ResponseWriter
	health *Health
}

func (c *closer) WriteHeader(status int) {
	c.close()
	c.ResponseWriter.WriteHeader(status)
}

func (c *closer) Write(b []byte) (int, error) {
	c.close()
	return c.ResponseWriter.Write(b)
}

func (c *closer) close() {
	if c.health.Draining() {
		c.Header().Set("Connection", "close")
	}
}

// Unwrap is for http.ResponseController, by which the profiler sets its deadline.
func (c *closer) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (s *Server) panicked(w http.ResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.Logger.Error("panic", "value", describe(p), "stack", string(debug.Stack()))
	refuse(w, r, bug)
}

// describe says what a panic was about. Only the runtime's own words are known not to hold the sender's.
func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// log writes the line: nothing of the body, no cookie, and of an unverified request nothing that its sender chose but
// the path and an IP address.
func (s *Server) log(r *http.Request, x *exchange, took time.Duration) {
	level := x.level(r)
	if !s.Logger.Enabled(r.Context(), level) {
		return
	}
	if x.stranger && !s.strangers.allow(level, x.outcome(), r) {
		return
	}
	status := x.status
	if status == 0 {
		status = http.StatusOK
	}
	// Not Logger.LogAttrs: it would look for our place in the source.
	line := slog.NewRecord(time.Now(), level, "request", 0)
	line.AddAttrs(
		slog.String("request_id", s.ids.next()),
		slog.String("path", r.URL.Path),
		slog.Int("status", status),
		slog.String("result", x.outcome()),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	if x.message.SID != "" {
		line.AddAttrs(
			slog.String("from", conversation.Mask(x.message.From)),
			slog.String("to", conversation.Mask(x.message.To)),
			slog.String("message_sid", x.message.SID),
			slog.Int("attempts", x.report.Attempts))
	}
	if x.stranger {
		line.AddAttrs(unverified(r))
	}
	if x.err != nil {
		line.AddAttrs(slog.String("error", x.err.Error()))
	}
	_ = s.Logger.Handler().Handle(r.Context(), line) // there is nowhere to say that it failed
}

// outcome is the one word that the log and the metrics have for what became of the request, "" if it needs none.
func (x *exchange) outcome() string {
	if x.result != "" {
		return x.result
	}
	return string(x.report.Result)
}

// level follows whose fault it is. A client that hangs up is no failure of ours.
func (x *exchange) level(r *http.Request) slog.Level {
	switch {
	case errors.Is(x.err, session.ErrGone):
		return slog.LevelInfo
	case x.status >= http.StatusInternalServerError || x.failed:
		return slog.LevelError
	case x.status == http.StatusForbidden || x.report.Result == session.Guarded:
		return slog.LevelWarn
	case r.URL.Path == webhookRoute || r.URL.Path == fallbackRoute:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// ids numbers the requests of one process under a random name, so that no two replicas give the same.
type ids struct {
	process string
	last    *atomic.Uint64
}

func newIDs() ids { return ids{process: rand.Text()[:8] + "-", last: new(atomic.Uint64)} }

func (i ids) next() string { return i.process + strconv.FormatUint(i.last.Add(1), 10) }
