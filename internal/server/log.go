package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/logging"
	"smsession/internal/session"
)

// log writes the log line of a request. The line contains neither the text of the message nor a cookie, and the phone
// numbers are masked. For an unverified request, it contains only two values that the sender chose: the path and an IP
// address.
func (s *Server) log(r *http.Request, x *observed, res result, took time.Duration) {
	end := endings[res]
	isVerified := end.origin == signed
	if !s.Logger.Enabled(r.Context(), end.level) || !isVerified && !s.throttle.allow(res, r) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12), // enough for a message
		x.requestID(),
		slog.String("path", r.URL.Path),
		slog.Int("status", end.status),
		slog.String("result", string(res)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	if x.in.SID != "" {
		attrs = append(attrs,
			slog.String("from", conversation.Mask(x.in.From)),
			slog.String("to", conversation.Mask(x.in.To)),
			slog.String("message_sid", x.in.SID),
			slog.Int("attempts", x.outcome.Attempts))
	}
	if x.in.SID != "" && s.HasApp {
		attrs = appendCalls(attrs, &x.outcome)
	}
	if !isVerified {
		attrs = append(attrs, source(r))
	}
	if x.outcome.Err != nil {
		attrs = append(attrs, slog.String("error", s.errorText(x.outcome.Err)))
	}
	logging.Attrs(r.Context(), s.Logger, end.level, "request", attrs...)
}

// appendCalls appends what describes the calls of the app for one message. The fault is a fixed word, and the status is
// a number. They are also given if the message has ended the conversation in spite of the fault.
func appendCalls(attrs []slog.Attr, o *session.Outcome) []slog.Attr {
	attrs = append(attrs,
		slog.Int("app_calls", o.Calls.Count),
		slog.Float64("app_ms", float64(o.Calls.Took.Microseconds())/1000))
	failure, isFailure := errors.AsType[conversation.Failure](cmp.Or(o.Calls.Err, o.Err))
	if isFailure {
		attrs = append(attrs, slog.String("app_fault", string(failure.Fault)))
	}
	if failure.Status != 0 {
		attrs = append(attrs, slog.Int("app_status", failure.Status))
	}
	return attrs
}

// errorText returns the text of an error for the log. If an app failed, it is a fixed text, because any other could
// quote what the app or the sender wrote.
func (s *Server) errorText(err error) string {
	if failure, isFailure := errors.AsType[conversation.Failure](err); isFailure {
		return failure.Error()
	}
	for _, fixed := range []error{session.ErrWaited, session.ErrResponder} {
		if s.HasApp && errors.Is(err, fixed) {
			return fixed.Error()
		}
	}
	return err.Error()
}

const (
	// throttleLines is how many requests with the same result get their own log line in an interval.
	throttleLines    = 5
	throttleInterval = time.Second
)

// throttle limits the log lines of unverified requests, because anyone can send any number of these requests. The first
// requests of an interval get their own lines. The others are counted, and at the end of the interval one line for each
// result contains the count. It is safe for concurrent use.
type throttle struct {
	log *slog.Logger

	mu     sync.Mutex
	counts map[result]*throttled // the requests of this interval; nil between intervals
}

// throttled counts the requests with one result.
type throttled struct {
	count  int
	source slog.Attr // of the first request without its own line
}

// allow counts a request and reports whether it gets its own log line.
func (t *throttle) allow(res result, r *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[result]*throttled{}
		time.AfterFunc(throttleInterval, t.flush)
	}
	same := t.counts[res]
	if same == nil {
		same = &throttled{}
		t.counts[res] = same
	}
	if same.count++; same.count == throttleLines+1 {
		same.source = source(r)
	}
	return same.count <= throttleLines
}

// flush ends the interval and writes the counts.
func (t *throttle) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for res, same := range t.counts {
		if more := same.count - throttleLines; more > 0 {
			level := endings[res].level
			t.log.Log(context.Background(), level, "requests", "result", string(res), "count", more, same.source)
		}
	}
	t.counts = nil
}

// source returns the addresses that an unverified request came from. The peer is usually our own load balancer, which
// adds the last entry of X-Forwarded-For. Without a load balancer, the sender has chosen that entry, so only an IP
// address is logged, without its port and zone.
func source(r *http.Request) slog.Attr {
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	last := strings.TrimSpace(entries[len(entries)-1])
	forwarded := ""
	if with, err := netip.ParseAddrPort(last); err == nil {
		forwarded = with.Addr().WithZone("").String()
	} else if ip, err := netip.ParseAddr(last); err == nil {
		forwarded = ip.WithZone("").String()
	}
	return slog.Group("unverified", "peer", r.RemoteAddr, "forwarded_for", forwarded)
}
