package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Twilio gives a request 15 s in all: what takes longer here helps nobody.
const (
	readTimeout     = 15 * time.Second // for head and body, from the first byte on
	writeTimeout    = 15 * time.Second // from the headers' end: REQUEST_BUDGET, at most 12 s, a last try that began in time, and the answer
	idleTimeout     = 15 * time.Second // of a listener without Connections
	shutdownTimeout = 15 * time.Second

	// maxHeader leaves room for what balancers add; Twilio's own headers take half a kilobyte.
	maxHeader = 16 << 10
)

// Listener is a bound port and what answers there.
type Listener struct {
	net.Listener
	Handler     http.Handler
	Connections *Connections // what bounds its connections; nil for a private listener
}

// Run serves until ctx ends, and then takes the replica down in this order: not ready; drain passes, so that balancers
// notice while everything is still answered; the listeners close; requests under way finish. It returns nil then, and an
// error only if a listener fails.
func Run(ctx context.Context, health *Health, drain time.Duration, log *slog.Logger, listeners ...Listener) error {
	failed := make(chan error, len(listeners))
	servers := make([]*http.Server, 0, len(listeners))
	for _, l := range listeners {
		srv := newHTTPServer(l.Handler, log)
		servers = append(servers, srv)
		bound := l.Listener
		if l.Connections != nil {
			bound = l.Connections.listen(bound)
			l.Connections.configure(srv)
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
