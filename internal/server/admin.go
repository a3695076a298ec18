package server

import (
	"net/http"
	"net/http/pprof"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"smsession/internal/hostname"
)

// Admin returns the handler of the private listener. It serves the health routes, the metrics and, if profiler is true,
// the profiler. The profiler does not serve the command line, because a command line may contain a secret.
func (s *Server) Admin(profiler bool) http.Handler {
	root := chi.NewRouter()
	root.Use(s.requireHost, s.recoverPanics)
	s.routeHealth(root)
	r := root.With(s.logged)
	// A scrape takes milliseconds, so more than a few at the same time do not come from a metrics server.
	metrics := promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	r.Method(http.MethodGet, "/metrics", metrics)
	r.Method(http.MethodHead, "/metrics", metrics)
	if profiler {
		r.Get("/debug/pprof/", pprof.Index)
		r.Get("/debug/pprof/{profile}", pprof.Index) // 404 for cmdline, which is not a profile
		r.Get("/debug/pprof/profile", pprof.Profile)
		r.Get("/debug/pprof/symbol", pprof.Symbol)
		r.Get("/debug/pprof/trace", pprof.Trace)
	}
	return root
}

// requireHost refuses a request whose Host is not a loopback name, an IP address or an entry of AdminHosts. Otherwise a
// web page on another site could let its host name resolve to this listener (DNS rebinding), and the operator's browser
// would let the page read the answers. A refused request gets no log line of its own, so these requests cannot fill the
// log.
func (s *Server) requireHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostname.Of(r.Host)
		if hostname.IsLoopback(name) || hostname.IsIP(name) || slices.Contains(s.AdminHosts, name) {
			next.ServeHTTP(w, r)
			return
		}
		s.warnOfHost(r.Host)
		endings[wrongHost].write(w, endings[wrongHost].body())
	})
}

// warnOfHost logs a refused Host at most once a minute. This is enough for an operator to find out why scrapes are
// refused.
func (s *Server) warnOfHost(host string) {
	const longest = 253 // the length of the longest name in DNS
	now, last := time.Now().Unix(), s.warned.Load()
	if now-last < 60 || !s.warned.CompareAndSwap(last, now) {
		return
	}
	host = host[:min(len(host), longest)]
	s.Logger.Warn("the private listener refused a Host that is not in ADMIN_HOSTS", "host", host)
}
