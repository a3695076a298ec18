package server

import (
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin returns the handler of the private listener: the health routes, the metrics and, if asked for, the profiler.
func (s *Server) Admin(profiler bool) http.Handler {
	r := chi.NewRouter()
	r.Use(s.observe)
	s.health(r)
	// A scrape takes milliseconds; more than a few at once are no scrapes.
	metrics := promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	r.Method(http.MethodGet, "/metrics", metrics)
	r.Method(http.MethodHead, "/metrics", metrics)
	if profiler {
		r.Get("/debug/pprof/", pprof.Index)
		r.Get("/debug/pprof/{profile}", pprof.Index)
		r.Get("/debug/pprof/cmdline", pprof.Cmdline)
		r.Get("/debug/pprof/profile", pprof.Profile)
		r.Get("/debug/pprof/symbol", pprof.Symbol)
		r.Get("/debug/pprof/trace", pprof.Trace)
	}
	return r
}
