package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// similar are paths that a router can mistake for ours.
var similar = []string{
	"//sms", "/sms//", "/sms/", "/./sms", "/sms/.", "/sms/..", "/sms/../sms", "/x/../sms", "/%73ms", "/sms%2f", "/sms%2ffallback",
	"/sms%3fx", "/SMS", "/Sms", "/smsx", "/sms;x=1", "/sms.", "/sms/fallback/", "/sms//fallback", "/sms/Fallback",
	"/sms/fallback/x", "/sms/other", "/sms%00", "/%2e/sms", "/%2e%2e/sms", "/sms%20", "/healthz/", "/readyz/",
}

func TestUnknownPaths(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		for _, target := range append([]string{
			"/", "/metrics", "/debug/pprof", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap", "/dev/", "/dev",
			"/favicon.ico", "/robots.txt", "/.git/config", "/index.html",
		}, similar...) {
			for _, method := range []string{"POST", "GET", "PUT", "PURGE"} {
				t.Run(method+" "+target, func(t *testing.T) {
					message("hello").to(target).as(method).send(r.public).refused(t, http.StatusNotFound)
				})
			}
		}
		s.wantKeys(t, 0)
		message("hello").to("/sms?x=1").send(r.public).counts(t, 1)
	})
}

func TestRedirects(t *testing.T) {
	r := newReplica(t, nobody)
	for _, row := range []struct {
		name    string
		handler http.Handler
		want    bool
	}{
		{"no path is redirected", r.public, false},
		{"a naive router redirects some of the paths", naiveMux(r.public), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := httptest.NewServer(row.handler)
			defer srv.Close()
			var redirected []string
			for _, target := range append([]string{"/sms", "/sms?x=1", "/sms/fallback", "http://other.example.com/sms"},
				similar...) {
				// The request line is written here, because net/http would change it.
				text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
					target)
				if status := connectTCP(t, srv.Listener.Addr().String()).ask(t, text); status/100 == 3 {
					redirected = append(redirected, target)
				}
			}
			if (len(redirected) > 0) != row.want {
				t.Errorf("these paths are redirected: %q", redirected)
			}
		})
	}
}

func TestHealthMethods(t *testing.T) {
	r := newReplica(t, nobody)
	for name, h := range map[string]http.Handler{"public": r.public, "admin": r.Admin(false)} {
		for _, target := range []string{"/healthz", "/readyz"} {
			for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PURGE"} {
				t.Run(name+" "+method+" "+target, func(t *testing.T) {
					a := serve(h, httptest.NewRequest(method, target, nil))
					a.refused(t, http.StatusMethodNotAllowed)
					if got := a.Header.Get("Allow"); got != "GET, HEAD" {
						t.Errorf("Allow = %q, want GET, HEAD", got)
					}
				})
			}
		}
	}
}

func TestAdminHasNoWebhook(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		for _, target := range []string{"/sms", "/sms/fallback", "/", "/debug", "/other"} {
			message("hello").to(target).send(r.Admin(true)).refused(t, http.StatusNotFound)
		}
		s.wantKeys(t, 0)
	})
}

func TestProfiler(t *testing.T) {
	r := newReplica(t, nobody)
	for target, want := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile:",
		"/debug/pprof/heap?debug=1":      "heap profile:",
		"/debug/pprof/symbol":            "num_symbols",
	} {
		t.Run(target+" is only on the private listener, and only if it is turned on", func(t *testing.T) {
			if a := get(r.Admin(true), target); a.Status != http.StatusOK || !strings.Contains(a.Body, want) {
				t.Errorf("it gets %d %.80q, want 200 and %q", a.Status, a.Body, want)
			}
			get(r.Admin(false), target).refused(t, http.StatusNotFound)
			get(r.public, target).refused(t, http.StatusNotFound)
		})
	}
}
