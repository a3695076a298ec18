package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// odd are paths that a router may take for others.
var odd = []string{
	"//sms", "/sms//", "/sms/", "/./sms", "/sms/.", "/sms/..", "/sms/../sms", "/x/../sms", "/%73ms", "/sms%2f", "/sms%2ffallback",
	"/sms%3fx", "/SMS", "/Sms", "/smsx", "/sms;x=1", "/sms.", "/sms/fallback/", "/sms//fallback", "/sms/Fallback",
	"/sms/fallback/x", "/sms/other", "/sms%00", "/%2e/sms", "/%2e%2e/sms", "/sms%20", "/healthz/", "/readyz/",
}

func TestAnyOtherPathIs404(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		others := []string{
			"/", "/metrics", "/debug/pprof", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap", "/dev/", "/dev",
			"/favicon.ico", "/robots.txt", "/.git/config", "/index.html",
		}
		for _, target := range append(others, odd...) {
			for _, method := range []string{"POST", "GET", "PUT", "PURGE"} {
				t.Run(method+" "+target, func(t *testing.T) {
					p := message("hello").to(target)
					p.method = method
					p.send(r.public).refused(t, http.StatusNotFound)
				})
			}
		}
		if n := size(t, conn); n != 0 {
			t.Errorf("they left %d keys in Redis", n)
		}
		p := message("hello").to("/sms?x=1")
		p.send(r.public).says(t, tutorial(1))
	})
}

// Over a socket, so that the request line is what is written here.
func TestNothingIsRedirected(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr)
		if got := redirected(t, r.public); len(got) > 0 {
			t.Errorf("redirected are %q", got)
		}
		if got := redirected(t, naiveMux(r.public)); len(got) == 0 {
			t.Error("net/http's mux redirects nothing either: the test does not tell the two apart")
		}
	})
}

// redirected returns those of the odd paths that a handler redirects.
func redirected(t *testing.T, h http.Handler) []string {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	var all []string
	for _, target := range append([]string{"/sms", "/sms?x=1", "/sms/fallback", "http://other.example.com/sms"}, odd...) {
		if status := overSocket(t, srv.Listener.Addr().String(), message("hello").to(target)); status/100 == 3 {
			all = append(all, target)
		}
	}
	return all
}

// overSocket posts to exactly the target of p and returns the status.
func overSocket(t *testing.T, addr string, p *post) int {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := p.form.Encode()
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: %s\r\nX-Twilio-Signature: %s\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", p.target, p.contentType, p.sign(), len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("POST %s: %v", p.target, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func TestHealthRoutesTakeGetAndHeadOnly(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	for name, h := range map[string]http.Handler{"public": r.public, "admin": r.Admin(false)} {
		for _, target := range []string{"/healthz", "/readyz"} {
			for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PURGE"} {
				t.Run(name+" "+method+" "+target, func(t *testing.T) {
					a := serve(h, httptest.NewRequest(method, target, nil))
					a.refused(t, http.StatusMethodNotAllowed)
					if got := a.header.Get("Allow"); got != "GET, HEAD" {
						t.Errorf("Allow = %q, want GET, HEAD", got)
					}
				})
			}
		}
	}
}

func TestThePrivateListenerHasNoWebhook(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		for _, target := range []string{"/sms", "/sms/fallback", "/", "/debug", "/other"} {
			message("hello").to(target).send(r.Admin(true)).refused(t, http.StatusNotFound)
		}
		if n := size(t, conn); n != 0 {
			t.Errorf("they left %d keys in Redis", n)
		}
	})
}

func TestTheProfilerIsThereOnlyWhenAskedFor(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	for _, row := range []struct {
		target string
		want   string
	}{
		{"/debug/pprof/", "goroutine"},
		{"/debug/pprof/goroutine?debug=1", "goroutine profile:"},
		{"/debug/pprof/heap?debug=1", "heap profile:"},
		{"/debug/pprof/symbol", "num_symbols"},
	} {
		t.Run(row.target, func(t *testing.T) {
			if a := get(r.Admin(true), row.target); a.status != http.StatusOK || !strings.Contains(a.body, row.want) {
				t.Errorf("asked for, it gets %d %.80q, want 200 and %q", a.status, a.body, row.want)
			}
			get(r.Admin(false), row.target).refused(t, http.StatusNotFound)
			get(r.public, row.target).refused(t, http.StatusNotFound)
		})
	}
}
