package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// Twilio waits 15 s for a whole request, so a longer limit would be useless.
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

	Routes []func(chi.Router) // see Public
	// Wrap returns a handler that calls the handler of the public listener. It may be nil.
	Wrap     func(http.Handler) http.Handler
	Profiler bool // see Admin

	DrainDelay time.Duration
	Redis      string                      // the address of Redis, for an error
	Ping       func(context.Context) error // see Health.Watch
	Refused    func(error) bool            // see Health.Watch
}

// Run runs a replica until ctx ends, a listener fails, or Redis refuses the replica at the first contact. It closes the
// listeners. It returns nil only if ctx ended, no listener failed and everything has stopped in time. If something did
// not stop in time, the error wraps context.DeadlineExceeded. Run must be called only once.
//
// When ctx ends, the replica is not ready for DrainDelay, but still answers every request. The balancers notice this
// before the listeners close, so no message is lost. Then everything stops in this order: first the public listener and
// its requests, which use the rest; then the private listener, whose metrics show how the requests end; then the watch
// on Redis, so that the caller can close the pool.
func (s *Server) Run(ctx context.Context, o RunOptions) error {
	defer s.throttle.flush()
	failed := make(chan error, 3) // room for an error of each sender, so that none has to wait
	stopWatch := s.watch(ctx, o, failed)
	private := s.newHTTPServer(s.Admin(o.Profiler), idleTimeout)
	if o.Admin != nil {
		go func() { failed <- fmt.Errorf("serve the private listener: %w", private.Serve(o.Admin)) }()
	}
	handler := s.Public(o.Routes...)
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	public := s.newHTTPServer(handler, s.KeepAlive)
	limited := s.connections.Limit(public, o.Public)
	go func() { failed <- fmt.Errorf("serve the public listener: %w", public.Serve(limited)) }()

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
	return errors.Join(err,
		shutDown("public listener", public, requestsTimeout),
		shutDown("private listener", private, adminTimeout),
		stopWatch())
}

// watch starts the watch on Redis, and returns a function that stops it.
func (s *Server) watch(ctx context.Context, o RunOptions, failed chan<- error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Health.Watch(ctx, o.Ping, o.Refused); err != nil {
			failed <- fmt.Errorf("the Redis at %s refuses us: %w", o.Redis, err)
		}
	}()
	return func() error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-time.After(watchTimeout):
			return fmt.Errorf("stop the watch on Redis: %w", context.DeadlineExceeded)
		}
	}
}

// shutDown closes the listener of srv, and waits for the requests. It closes the connections that are left after the
// time-out.
func shutDown(name string, srv *http.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop the %s: %w", name, errors.Join(err, srv.Close()))
	}
	return nil
}

func (s *Server) newHTTPServer(h http.Handler, idleTimeout time.Duration) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // otherwise net/http answers "OPTIONS *"
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	}
}
