package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestCaddyAppPaths has an app whose relative URLs lead to Caddy, because its APP_PUBLIC_URL is PUBLIC_URL + /sms. The
// Caddy without APP_UPSTREAM is the negative control.
func TestCaddyAppPaths(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sms" {
			w.Header().Set("Content-Type", "text/xml")
			io.WriteString(w, "<Response><Message><Body>look</Body><Media>picture.png</Media></Message></Response>")
			return
		}
		fmt.Fprintf(w, "the app has %s %s", r.Method, r.URL)
	}))
	t.Cleanup(app.Close)
	f := startFleet(t, redistest.Start(t, redistest.Options{}), "APP_URL="+app.URL+"/sms",
		"APP_PUBLIC_URL="+webhooktest.PublicURL+"/sms")
	with := startCaddy(t, f, caddyOptions{site: "http", app: strings.TrimPrefix(app.URL, "http://")})
	without := startCaddy(t, f, caddyOptions{site: "http"})

	got := newSender(t).deliver(with.plain, "/sms", webhooktest.NewSID(), "")
	if !strings.Contains(got.Body, ">"+webhooktest.PublicURL+"/picture.png<") {
		t.Errorf("the reply is %q", got.Body)
	}
	for _, row := range []struct{ name, method, path, want string }{
		{"a picture comes from the app", "GET", "/picture.png?v=2", "the app has GET /picture.png?v=2"},
		{"a callback reaches the app", "POST", "/status", "the app has POST /status"},
		{"a path below the webhook reaches the app", "GET", "/sms/picture.png", "the app has GET /sms/picture.png"},
		{"the webhook is the service's", "GET", "/sms", "405"},
		{"the fallback URL is the service's", "GET", "/sms/fallback", "405"},
		{"the health check is the service's", "GET", "/healthz", "200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			isApps := strings.HasPrefix(row.want, "the app")
			if got := ask(t, row.method, with.plain+row.path); !strings.Contains(got, row.want) ||
				strings.Contains(got, "the app has") != isApps {
				t.Errorf("the answer is %q", got)
			}
			if got := ask(t, row.method, without.plain+row.path); isApps && !strings.HasPrefix(got, "404 ") {
				t.Errorf("without APP_UPSTREAM, the answer is %q", got)
			}
		})
	}
}

// ask returns the status and the body of an answer.
func ask(t *testing.T, method, url string) string {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", res.StatusCode, body)
}
