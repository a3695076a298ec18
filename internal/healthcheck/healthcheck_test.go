package healthcheck_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smsession/internal/healthcheck"
)

func TestAsk(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(path string, status int, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
	answer("/healthz", 200, "smsession v1.2.3\n")
	answer("/other", 200, "nginx")
	answer("/ill", 500, "smsession v1.2.3\n")
	answer("/long", 200, strings.Repeat("x", 1<<20))
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user == "user" && password == "S3cr3t" {
			io.WriteString(w, "smsession v1.2.3\n")
		}
	})
	mux.Handle("/redirect", http.RedirectHandler("/healthz", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, row := range []struct {
		name, path, version string
		status              int
		ours                bool
	}{
		{"a replica", "/healthz", "v1.2.3", 200, true},
		{"another server", "/other", "", 200, false},
		{"a replica with status 500", "/ill", "", 500, false},
		{"the login of the URL is sent", "/login", "v1.2.3", 200, true},
		{"a redirect is not followed", "/redirect", "", 302, false},
		{"a long answer is cut", "/long", "", 200, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer, err := healthcheck.Ask(t.Context(), nil,
				strings.Replace(server.URL, "://", "://user:S3cr3t@", 1)+row.path)
			version, ours := answer.Version()
			if err != nil || answer.Status != row.status || ours != row.ours || ours && version != row.version ||
				len(answer.Line) > 1<<10 {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
	}
}

func TestErrorsQuoteNoURL(t *testing.T) {
	for _, url := range []string{"http://user:S3cr3t@127.0.0.1:1/healthz", "http://user:S3cr3t%@host/"} {
		if _, err := healthcheck.Ask(t.Context(), nil, url); err == nil || strings.Contains(err.Error(), "S3cr3t") {
			t.Errorf("the error is %v, want one without the password", err)
		}
	}
}
