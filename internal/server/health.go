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
	log      *slog.Logger
	contact  atomic.Pointer[time.Time] // the last successful ping; before the first one, when the replica was made
	started  atomic.Bool               // a ping has succeeded
	draining atomic.Bool
}

// NewHealth returns the Health of a replica that has not reached Redis yet. patience is how long a message may wait for
// Redis. The replica stays ready while Redis is away for less than patience: all replicas notice an outage at the same
// time, and the balancer must not remove all of them while their messages can still wait.
func NewHealth(patience time.Duration, log *slog.Logger) *Health {
	h := &Health{patience: patience, log: log}
	h.contact.Store(new(time.Now()))
	return h
}

// Drain marks the replica as not ready. This cannot be undone.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// Watch pings Redis until ctx ends, and then returns nil. ping must do the same as a message, so that Redis counts as
// away while it refuses every message. The context of a ping lasts as long as the context of a message: with a shorter
// one, a slow DNS server could make every ping fail while messages succeed.
//
// If Redis cannot be reached yet, Watch waits for it. Watch returns an error only if refused is true for the error of a
// ping before the first success: Redis then refuses the replica for a reason that waiting cannot remove.
//
// Watch logs the reason when Redis goes away, and once more when the replica is no longer ready. The first reason is
// often only that the connection broke, which does not explain why no new one can be used.
func (h *Health) Watch(ctx context.Context, ping func(context.Context) error, refused func(error) bool) error {
	warned := 0 // how often, since the last success
	for interval := pingInterval / 5; ; {
		bounded, cancel := context.WithTimeout(ctx, h.patience)
		err := ping(bounded)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			h.contact.Store(new(time.Now()))
			if !h.started.Swap(true) || warned > 0 {
				h.log.Info("Redis can be used")
			}
			interval, warned = pingInterval, 0
		case !h.started.Load() && refused(err):
			return err
		case warned == 0 || warned == 1 && h.tooLong():
			h.log.Warn("Redis cannot be used, waiting for it", "error", err.Error())
			warned++
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return nil
		}
	}
}

// away returns how long ago the last ping succeeded. Before the first success, it returns how long the replica has been
// waiting.
func (h *Health) away() time.Duration { return time.Since(*h.contact.Load()) }

// tooLong reports whether Redis has been away for longer than a message may wait for it.
func (h *Health) tooLong() bool { return h.away() > h.patience+pingInterval }

// state returns whether the replica is ready, or else the reason.
func (h *Health) state() result {
	switch {
	case h.Draining():
		return draining
	case !h.started.Load():
		return starting
	case h.tooLong():
		return noRedis
	}
	return ready
}

func (s *Server) alive(w http.ResponseWriter, r *http.Request) {
	x := arrive()
	s.finish(w, r, &x, alive, []byte("smsession "+s.Version+"\n"))
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	x, state := arrive(), s.Health.state()
	s.finish(w, r, &x, state, endings[state].body())
}
