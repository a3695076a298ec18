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
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
)

type receivedKey struct{}

// receivedFrom returns when a request arrived.
func receivedFrom(ctx context.Context) time.Time {
	at, _ := ctx.Value(receivedKey{}).(time.Time)
	return at
}

// observe records when a request arrived, and turns a panic into a 500.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), receivedKey{}, time.Now()))
		defer s.recoverPanic(w, r)
		next.ServeHTTP(w, r)
	})
}

// recoverPanic answers a request whose handler has panicked. It must be deferred.
func (s *Server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.Logger.Error("panic", "value", describe(p), "stack", string(debug.Stack()))
	s.refuse(w, r, bug)
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
func (s *Server) log(r *http.Request, res response, took time.Duration) {
	in, delivered := session.IncomingFrom(r.Context()), session.OutcomeFrom(r.Context())
	level := res.level(r, delivered)
	if !s.Logger.Enabled(r.Context(), level) {
		return
	}
	if res.isUnverified && !s.throttle.allow(level, res.result, r) {
		return
	}
	// Logger.LogAttrs would spend time to find the source line of its caller, so the record is made here.
	line := slog.NewRecord(time.Now(), level, "request", 0)
	line.AddAttrs(
		slog.String("request_id", rand.Text()),
		slog.String("path", r.URL.Path),
		slog.Int("status", res.status),
		slog.String("result", res.result),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	if in.SID != "" {
		line.AddAttrs(
			slog.String("from", conversation.Mask(in.From)),
			slog.String("to", conversation.Mask(in.To)),
			slog.String("message_sid", in.SID),
			slog.Int("attempts", delivered.Attempts))
	}
	if res.isUnverified {
		line.AddAttrs(source(r))
	}
	if delivered.Err != nil {
		line.AddAttrs(slog.String("error", delivered.Err.Error()))
	}
	_ = s.Logger.Handler().Handle(r.Context(), line) // an error of the log cannot be logged
}

// level returns the log level, which depends on who caused the failure. A client that hangs up is not our failure.
func (res response) level(r *http.Request, delivered session.Outcome) slog.Level {
	switch {
	case res.result == "": // health and metrics, which are asked for every few seconds
		return slog.LevelDebug
	case errors.Is(delivered.Err, session.ErrGone):
		return slog.LevelInfo
	case res.status >= http.StatusInternalServerError || res.hasFailed:
		return slog.LevelError
	case res.status == http.StatusForbidden || delivered.Result == session.Guarded:
		return slog.LevelWarn
	case r.URL.Path == webhookRoute || r.URL.Path == fallbackRoute:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
