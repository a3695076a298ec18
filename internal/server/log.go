package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
)

// log writes the log line of a request. The line contains no part of the body and no cookie. For an unverified request,
// it contains only two values that the sender chose: the path and an IP address.
func (s *Server) log(r *http.Request, res result, took time.Duration) {
	in, delivered := session.IncomingFrom(r.Context()), session.OutcomeFrom(r.Context())
	end := endings[res]
	isVerified := end.origin == signed
	if !s.Logger.Enabled(r.Context(), end.level) || !isVerified && !s.throttle.allow(res, r) {
		return
	}
	// Logger.LogAttrs would spend time to find the source line of its caller, so the record is made here.
	line := slog.NewRecord(time.Now(), end.level, "request", 0)
	line.AddAttrs(
		slog.String("request_id", rand.Text()),
		slog.String("path", r.URL.Path),
		slog.Int("status", end.status),
		slog.String("result", string(res)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	if in.SID != "" {
		line.AddAttrs(
			slog.String("from", conversation.Mask(in.From)),
			slog.String("to", conversation.Mask(in.To)),
			slog.String("message_sid", in.SID),
			slog.Int("attempts", delivered.Attempts))
	}
	if !isVerified {
		line.AddAttrs(source(r))
	}
	if delivered.Err != nil {
		line.AddAttrs(slog.String("error", delivered.Err.Error()))
	}
	_ = s.Logger.Handler().Handle(r.Context(), line) // an error of the log cannot be logged
}
