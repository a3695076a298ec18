package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// pingInterval is how often the readiness check writes to Redis. Until the first write is accepted, it tries five times
// as often.
const pingInterval = time.Second

// Health decides whether a replica should get messages. It is safe for concurrent use.
type Health struct {
	patience time.Duration // how long Redis may be away, and how long one ping may take
	made     time.Time
	contact  atomic.Pointer[time.Time] // the last successful ping, with its monotonic part; nil before the first
	draining atomic.Bool
	log      *slog.Logger
}

// NewHealth returns the Health of a replica that has not reached Redis yet. patience is how long a message may wait for
// Redis. The replica stays ready while Redis is away for less than patience: all replicas notice an outage at the same
// time, and the balancer must not remove all of them while their messages can still wait.
func NewHealth(patience time.Duration, log *slog.Logger) *Health {
	return &Health{patience: patience, made: time.Now(), log: log}
}

// Drain marks the replica as not ready. This cannot be undone.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// Watch pings Redis until ctx ends. ping must do the same as a message, so that Redis counts as away while it refuses
// every message. The context of a ping lasts as long as the context of a message. If Redis cannot be reached yet, Watch
// waits for it. Watch returns early, with the error, only if Redis refuses the first ping for a reason that waiting
// cannot remove; refused reports whether an error has such a reason.
func (h *Health) Watch(ctx context.Context, ping func(context.Context) error, refused func(error) bool) error {
	away := false
	for {
		err := h.bounded(ctx, ping)
		switch first := h.contact.Load() == nil; {
		case ctx.Err() != nil:
			return nil
		case err != nil && first && refused(err):
			return err
		case err != nil && !away:
			away = true
			h.log.Warn("Redis cannot be used, waiting for it", "error", err.Error())
		case err == nil:
			now := time.Now()
			h.contact.Store(&now)
			if first || away {
				h.log.Info("Redis can be used")
			}
			away = false
		}
		if !h.sleep(ctx) {
			return nil
		}
	}
}

// bounded pings Redis for as long as a message may wait. A shorter limit would be wrong: if DNS takes longer than that
// limit, messages succeed, but no ping ever would.
func (h *Health) bounded(ctx context.Context, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	return ping(ctx)
}

func (h *Health) sleep(ctx context.Context) bool {
	interval := pingInterval
	if h.contact.Load() == nil {
		interval /= 5
	}
	select {
	case <-time.After(interval):
		return true
	case <-ctx.Done():
		return false
	}
}

// away returns how long ago the last ping succeeded. Before the first success, it returns how long the replica has been
// waiting.
func (h *Health) away(now time.Time) time.Duration {
	if contact := h.contact.Load(); contact != nil {
		return now.Sub(*contact)
	}
	return now.Sub(h.made)
}

// reason returns one fixed word for the state of the replica, and whether the replica is ready.
func (h *Health) reason(now time.Time) (word string, ready bool) {
	contact := h.contact.Load()
	switch {
	case h.Draining():
		return "draining", false
	case contact == nil:
		return "starting", false
	case now.Sub(*contact) > h.patience+pingInterval:
		return "redis", false
	}
	return "ready", true
}

func (s *Server) alive(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, plain(http.StatusOK, "smsession "+s.Version))
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	word, ready := s.Health.reason(time.Now())
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	s.finish(w, r, plain(status, word))
}
