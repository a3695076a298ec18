package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
)

// Twilio waits 15 s for the whole of a request, so a longer limit would be of no use.
const (
	readTimeout = 15 * time.Second // for the head and the body, from the first byte on
	// writeTimeout begins at the end of the headers. It covers REQUEST_BUDGET (at most 12 s), a last attempt that began
	// in time, and the answer.
	writeTimeout = 15 * time.Second
	idleTimeout  = 15 * time.Second // of the private listener; the public one has KEEP_ALIVE
	// requestsTimeout is longer than readTimeout, because a stranger can begin a request at the last moment. The answer
	// to that request takes half a second, and http.Server may notice its end half a second late.
	requestsTimeout = readTimeout + 2*time.Second
	// These time-outs are short, because the deployments allow 20 s after the drain for everything.
	adminTimeout = time.Second
	watchTimeout = time.Second

	// maxHeader leaves room for what balancers add; Twilio's own headers take half a kilobyte.
	maxHeader = 16 << 10
)

// RunOptions are what Run needs in addition to the Options.
type RunOptions struct {
	Public net.Listener
	Admin  net.Listener // the private listener; nil for none

	Routes   []func(chi.Router) // see Public
	Profiler bool               // see Admin

	DrainDelay time.Duration
	Redis      string                      // the address of Redis, for an error
	Ping       func(context.Context) error // see Health.Watch
	Refused    func(error) bool            // see Health.Watch
}

// Run runs a replica until ctx ends, a listener fails, or Redis refuses the replica at the first contact. It closes the
// listeners. It returns nil only if ctx ended, no listener failed and everything has stopped in time. Otherwise the error
// joins the reason of the end and one error for each part that did not stop in time; such an error wraps
// context.DeadlineExceeded. Run must be called only once.
//
// When ctx ends, the replica is not ready for DrainDelay, but still answers every request. The balancers notice this
// before the listeners close, so no message is lost. Then everything stops in the reverse order of its start: first the
// public listener and its requests, which use the rest; then the private listener, whose metrics show how the requests
// end; then the watch on Redis, so that the caller can close the pool.
func (s *Server) Run(ctx context.Context, o RunOptions) error {
	defer s.throttle.flush()
	failed := make(chan error, 3) // one for each part
	parts := []part{s.watch(ctx, o, failed)}
	if o.Admin != nil {
		admin := s.newHTTPServer(s.Admin(o.Profiler), idleTimeout)
		parts = append(parts, serve("private listener", o.Admin, admin, adminTimeout, failed))
	}
	public := s.newHTTPServer(s.Public(o.Routes...), s.KeepAlive)
	limited := s.connections.Limit(public, o.Public)
	parts = append(parts, serve("public listener", limited, public, requestsTimeout, failed))

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.Health.Drain()
		s.Logger.Info("draining: the service continues to serve for DRAIN_DELAY", "delay", o.DrainDelay.String())
		select {
		case err = <-failed:
		case <-time.After(o.DrainDelay):
		}
	}
	for _, p := range slices.Backward(parts) {
		err = errors.Join(err, p.close())
	}
	return err
}

// part is a running part of a replica.
type part struct {
	name    string
	timeout time.Duration               // of stop
	stop    func(context.Context) error // stops the part and waits for its end
}

func (p part) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	if err := p.stop(ctx); err != nil {
		return fmt.Errorf("stop the %s: %w", p.name, err)
	}
	return nil
}

// watch starts the watch on Redis.
func (s *Server) watch(ctx context.Context, o RunOptions, failed chan<- error) part {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Health.Watch(ctx, o.Ping, o.Refused); err != nil {
			failed <- fmt.Errorf("the Redis at %s refuses us: %w", o.Redis, err)
		}
	}()
	return part{"watch on Redis", watchTimeout, func(ctx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

// serve starts to serve a listener.
func serve(name string, l net.Listener, srv *http.Server, timeout time.Duration, failed chan<- error) part {
	go func() { failed <- fmt.Errorf("serve the %s: %w", name, srv.Serve(l)) }()
	return part{name, timeout, func(ctx context.Context) error {
		if err := srv.Shutdown(ctx); err != nil {
			return errors.Join(err, srv.Close())
		}
		return nil
	}}
}

func (s *Server) newHTTPServer(h http.Handler, idleTimeout time.Duration) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // it answers "OPTIONS *" past our handler
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	}
}
