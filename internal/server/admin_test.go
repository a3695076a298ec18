package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// A page on the Internet can make the operator's browser send a request to the private listener under the page's own
// name (DNS rebinding), and can then read the answer.
func TestAdminHosts(t *testing.T) {
	r := newReplica(t, nobody, func(s *settings) { s.server.AdminHosts = []string{"sms-1", "metrics.example.com"} })
	h := r.Admin(true)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:9464": 200, "localhost.": 200, "sms.localhost:9464": 200,
		"127.0.0.1:9464": 200, "127.9.9.9": 200, "[::1]:9464": 200, "10.1.2.3:9464": 200, "[2001:db8::1]": 200, "0.0.0.0:9464": 200,
		"sms-1:9464": 200, "SMS-1": 200, "sms-1.": 200, "metrics.example.com:80": 200,
		"evil.example": 421, "evil.example:9464": 421, "sms-2:9464": 421, "sms-1.evil.example": 421, "example.com": 421,
		"a.metrics.example.com": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "127.1": 421, "": 421, ":9464": 421,
		"sms-1@evil.example": 421, "evil.example,sms-1": 421, "sms-1:9464:9464": 421,
	} {
		t.Run(host, func(t *testing.T) {
			for _, target := range []string{"/healthz", "/metrics", "/debug/pprof/symbol", "/debug/pprof/"} {
				for _, spoofed := range []string{"", "localhost"} {
					req := httptest.NewRequest("GET", target, nil)
					req.Host = host
					if spoofed != "" {
						req.Header.Set("X-Forwarded-Host", spoofed)
						req.Header.Set("Forwarded", "host="+spoofed)
					}
					if a := serve(h, req); a.Status != want {
						t.Errorf("%s gets %d %.80q, want %d", target, a.Status, a.Body, want)
					} else if want != http.StatusOK {
						a.refused(t, want)
					}
				}
			}
			req := httptest.NewRequest("GET", "/healthz", nil)
			req.Host = host
			if a := serve(r.public, req); a.Status != http.StatusOK {
				t.Errorf("the public listener answers %d", a.Status)
			}
		})
	}
}

// The rows are requests as they arrive. net/http sets Host from the request line or from the header.
func TestAdminHostsOverTCP(t *testing.T) {
	r := newReplica(t, nobody)
	srv := httptest.NewServer(r.Admin(false))
	defer srv.Close()
	for _, row := range []struct {
		name, head string
		want       int
	}{
		{"HTTP/1.0 without a Host is refused", "GET /healthz HTTP/1.0\r\n\r\n", 421},
		{"HTTP/1.1 without a Host is malformed", "GET /healthz HTTP/1.1\r\n\r\n", 400},
		{"two Hosts are malformed", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400},
		{"the absolute form wins over the header", "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 421},
		{"the user in an absolute form does not count", "GET http://localhost@evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 421},
		{"an absolute form of this host is answered", "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200},
		{"an address with a zone is an address", "GET /healthz HTTP/1.1\r\nHost: [fe80::1%25lo]:9464\r\n\r\n", 200},
		{"an empty Host is refused", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 421},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status := connectTCP(t, srv.Listener.Addr().String()).ask(t, row.head); status != row.want {
				t.Errorf("the status is %d, want %d", status, row.want)
			}
		})
	}
}

// A stranger that reaches the private listener must not fill the log. The operator whose scrapes are refused must find
// the reason there.
func TestAdminHostsLog(t *testing.T) {
	r := newReplica(t, nobody)
	h := r.Admin(true)
	for n := range 100 {
		for _, target := range []string{"/metrics", "/sms", "/x"} {
			req := httptest.NewRequest("GET", target, nil)
			req.Host = fmt.Sprintf("sms-%d:9464", n)
			if a := serve(h, req); a.Header.Get("Connection") != "close" { // as while draining
				t.Errorf("the connection of %s stays open", target)
			}
		}
	}
	log := r.log.String()
	if strings.Count(log, "\n") != 1 || !strings.Contains(log, `"WARN"`) || !strings.Contains(log, "ADMIN_HOSTS") ||
		!strings.Contains(log, "sms-0:9464") {
		t.Errorf("300 requests are logged as\n%s", log)
	}
}

// The arguments of a process may contain its secrets.
func TestProfilerCommandLine(t *testing.T) {
	r := newReplica(t, nobody)
	for _, target := range []string{"/debug/pprof/cmdline", "/debug/pprof/cmdline?debug=1", "/debug/pprof/cmdline/",
		"/debug/pprof//cmdline", "/debug/pprof/%63mdline"} {
		if a := get(r.Admin(true), target); a.Status != http.StatusNotFound || strings.Contains(a.Body, os.Args[0]) {
			t.Errorf("%s gets %d %.80q", target, a.Status, a.Body)
		}
	}
}
