package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"smsession/internal/server/connlimit"
)

// Twilio waits 15 s for the whole of a request, so a longer limit would be of no use.
const (
	readTimeout = 15 * time.Second // for the head and the body, from the first byte on
	// writeTimeout begins at the end of the headers. It covers REQUEST_BUDGET (at most 12 s), a last attempt that began
	// in time, and the answer.
	writeTimeout = 15 * time.Second
	idleTimeout  = 15 * time.Second // of a listener without Connections
	// shutdownTimeout is longer than readTimeout, because a stranger can begin a request at the last moment. The answer
	// to that request takes half a second, and http.Server may notice its end half a second late.
	shutdownTimeout = readTimeout + 2*time.Second

	// maxHeader leaves room for what balancers add; Twilio's own headers take half a kilobyte.
	maxHeader = 16 << 10
)

// Listener is a bound port and the handler that answers there.
type Listener struct {
	net.Listener
	Handler     http.Handler
	Connections *connlimit.Limiter // the limit for its connections; nil for a private listener
}

// Run serves until ctx ends. It then stops the replica in this order: the replica becomes not ready; Run waits for
// drain, during which load balancers notice this and every request is still answered; the listeners close; the requests
// in progress finish. It returns an error only if a listener or the shutdown fails, and nil otherwise.
func Run(ctx context.Context, health *Health, drain time.Duration, log *slog.Logger, listeners ...Listener) error {
	failed := make(chan error, len(listeners))
	servers := make([]*http.Server, 0, len(listeners))
	for _, l := range listeners {
		srv := newHTTPServer(l.Handler, log)
		servers = append(servers, srv)
		bound := l.Listener
		if l.Connections != nil {
			bound = l.Connections.Limit(srv, bound)
		}
		go func() { failed <- srv.Serve(bound) }()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		health.Drain()
		log.Info("draining", "delay", drain.String())
		time.Sleep(drain)
	}
	return errors.Join(err, shutdown(servers))
}

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // it answers "OPTIONS *" past our handler
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func shutdown(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, srv := range servers {
		if err := srv.Shutdown(ctx); err != nil {
			errs = append(errs, err, srv.Close())
		}
	}
	return errors.Join(errs...)
}
