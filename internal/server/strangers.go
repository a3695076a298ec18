package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// strangerLines is how many requests with the same result get their own log line in an interval.
	strangerLines    = 5
	strangerInterval = time.Second
)

// strangers limits the log lines for unverified requests, because anyone can send any number of these requests. The
// first requests of an interval get a line each. The others are counted, and at the end of the interval one line for
// each result contains the count. It is safe for concurrent use.
type strangers struct {
	log *slog.Logger

	mu    sync.Mutex
	seen  map[string]*stranger // by result, in this interval
	timer *time.Timer          // ends the interval; nil between intervals
}

// stranger counts the requests with one result. It keeps the source of the first one that has no line of its own.
type stranger struct {
	count int
	level slog.Level
	from  slog.Attr
}

// allow counts a request and reports whether it gets a log line of its own.
func (s *strangers) allow(level slog.Level, result string, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		s.seen = map[string]*stranger{}
		s.timer = time.AfterFunc(strangerInterval, s.flush)
	}
	if s.seen[result] == nil {
		s.seen[result] = &stranger{level: level}
	}
	seen := s.seen[result]
	if seen.count++; seen.count == strangerLines+1 {
		seen.from = unverified(r)
	}
	return seen.count <= strangerLines
}

// flush ends the interval and writes the counts.
func (s *strangers) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	for result, seen := range s.seen {
		if more := seen.count - strangerLines; more > 0 {
			s.log.Log(context.Background(), seen.level, "requests", "result", result, "count", more, seen.from)
		}
	}
	s.seen, s.timer = nil, nil
}

// unverified returns the source address of a request, which is not verified. The peer is usually our own load balancer,
// which adds the last entry of X-Forwarded-For. Without a load balancer, the sender has chosen that entry, so only an
// IP address is logged.
func unverified(r *http.Request) slog.Attr {
	lines := r.Header.Values("X-Forwarded-For")
	var last string
	if len(lines) > 0 {
		last = lines[len(lines)-1]
		last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	return slog.Group("unverified", "peer", r.RemoteAddr, "forwarded_for", address(last))
}

// address returns the IP address in text, in the notation of net/netip. The text may contain a port, which is dropped.
// For any other text, address returns "".
func address(text string) string {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().WithZone("").String()
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	return ip.WithZone("").String()
}
