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

// exchange contains the facts about one request that its log line needs. Only the request's own goroutine uses it.
type exchange struct {
	message  conversation.Message // zero until the signature is verified
	keyword  twilio.Keyword       // of the message
	status   int                  // 0 for 200
	result   string               // the result of a request that reached no session; "" means report.Result
	err      error                // why the session could not be loaded or saved
	failed   bool                 // the request failed, although its status may be 200
	stranger bool                 // the request was refused before its signature was verified
	report   session.Report
}

type exchangeKey struct{}

func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// observe logs one line for each request, counts the request, and turns a panic into a 500. While the server drains,
// each answer asks the client to close its connection, so that a load balancer's idle connections are closed before the
// listener is.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
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

// closer sets the header "Connection: close" while the server drains. It decides this when the answer is written and
// not when the request arrives, because the request may wait for Redis in between.
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

// Unwrap returns the wrapped writer. The profiler needs it to set its deadline with an http.ResponseController.
func (c *closer) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (s *Server) panicked(w http.ResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.Logger.Error("panic", "value", describe(p), "stack", string(debug.Stack()))
	refuse(w, r, bug)
}

// describe returns a description of a panic's value. It returns the text of a runtime error only, because any other
// text may contain what the sender wrote.
func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// log writes the log line of a request. The line contains no part of the body and no cookie. For an unverified request,
// it contains only two values that the sender chose: the path and an IP address.
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
	// Logger.LogAttrs would spend time to find the source line of its caller, so the record is made here.
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
	_ = s.Logger.Handler().Handle(r.Context(), line) // an error of the log cannot be logged
}

// outcome returns the word for the result of a request in the log and the metrics. It returns "" if the request has no
// result.
func (x *exchange) outcome() string {
	if x.result != "" {
		return x.result
	}
	return string(x.report.Result)
}

// level returns the log level, which depends on who caused the failure. A client that hangs up is not our failure.
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

// ids numbers the requests of one process. Each number has a random prefix for the process, so that two replicas do not
// use the same id.
type ids struct {
	process string
	last    *atomic.Uint64
}

func newIDs() ids { return ids{process: rand.Text()[:8] + "-", last: new(atomic.Uint64)} }

func (i ids) next() string { return i.process + strconv.FormatUint(i.last.Add(1), 10) }
