package server

import (
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"
)

// Admin returns the handler of the private listener: the health routes and, if asked for, the profiler.
func (s *Server) Admin(profiler bool) http.Handler {
	r := chi.NewRouter()
	r.Use(s.observe)
	s.health(r)
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
