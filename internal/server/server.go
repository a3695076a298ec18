// Package server is the HTTP edge: the routes, the limits, the order of the checks, the table that maps results to
// HTTP, the log line, the metrics, health, and the shutdown. It does not decide what a message means (conversation
// does) and does not ensure that a message is counted once (session does).
package server

import (
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/server/connlimit"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// Options are what a Server needs. All fields but AccountSIDs, HasApp, AdminHosts and Registry are required.
type Options struct {
	KeepAlive      time.Duration // how long a connection of the public listener may be idle
	MaxConnections int           // how many connections the public listener may have
	Sessions       *session.Manager
	Webhook        *twilio.Verifier // checks the requests to /sms
	Fallback       *twilio.Verifier // checks the requests to /sms/fallback
	AccountSIDs    []string         // if not empty, the only accounts whose messages are accepted
	OptOut         twilio.OptOutMode
	HasApp         bool // the Responder of Sessions calls an app, which gets every message with its request
	Health         *Health
	Version        string
	Logger         *slog.Logger
	AdminHosts     []string             // names of the private listener besides loopback names, in lower case
	Registry       *prometheus.Registry // has the metrics that /metrics shows; two Servers cannot share one
}

// Server answers Twilio's webhook. It is safe for concurrent use.
type Server struct {
	Options
	warned      atomic.Int64 // Unix time of the last warning about a Host
	metrics     *metrics
	connections *connlimit.Limiter
	throttle    *throttle
	slots       chan struct{} // contains one value for each request that is being parsed and verified
	largeSlots  chan struct{} // the same for bodies over usualBody
}

// New returns a Server. It panics if the Registry already has the metrics of another Server.
func New(o Options) *Server {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	s := &Server{
		Options:     o,
		connections: connlimit.New(o.MaxConnections),
		throttle:    &throttle{log: o.Logger},
		slots:       make(chan struct{}, runtime.GOMAXPROCS(0)),
		largeSlots:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	s.metrics = newMetrics(o.Registry, s)
	return s
}

// Public returns the handler of the public listener. It serves the webhook, Twilio's fallback URL, the health routes
// and the routes that more adds. An added route takes POST only, or GET and HEAD.
//
// The session's middleware calls admit, delivers the message, and calls answer. Every message ends in finish.
func (s *Server) Public(more ...func(chi.Router)) http.Handler {
	r := chi.NewRouter()
	r.Use(s.recoverPanics)
	r.With(s.Sessions.Middleware(s.admit(s.Webhook, false), s.unavailable)).Post(webhookRoute, s.answer)
	r.With(s.Sessions.Middleware(s.admit(s.Fallback, true), s.apologise)).Post(fallbackRoute, s.answer)
	for _, add := range more {
		add(r.With(s.logged))
	}
	s.routeHealth(r)
	return r
}

// routeHealth adds the routes and the refusals that both listeners have.
func (s *Server) routeHealth(r chi.Router) {
	r.Get("/healthz", s.alive)
	r.Head("/healthz", s.alive)
	r.Get("/readyz", s.ready)
	r.Head("/readyz", s.ready)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		x := arrive()
		s.refuse(w, r, &x, notFound)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) { s.refuseMethod(r, w, req) })
}

// refuseMethod refuses a method that a path does not take, or a path that does not exist. chi does not distinguish them
// for a method that it does not know.
func (s *Server) refuseMethod(routes chi.Routes, w http.ResponseWriter, r *http.Request) {
	path, refused := r.URL.EscapedPath(), notFound
	if routes.Match(chi.NewRouteContext(), http.MethodGet, path) {
		refused = notGet
	}
	if routes.Match(chi.NewRouteContext(), http.MethodPost, path) {
		refused = notPost
	}
	x := arrive()
	s.refuse(w, r, &x, refused)
}
