package devphone_test

import (
	"context"
	_ "embed"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// attack is a script of another site. It sends every kind of request that a browser sends without asking the service
// first. It tries to read every response and to run every script. It returns the texts that it could read.
//
//go:embed testdata/attack.js
var attack string

// otherSite serves a page of another site. Its name resolves to this host, because an attacker controls the DNS of that
// name.
func otherSite(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><body>Win a prize</body>`)
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return "http://evil.example:" + port(t, srv.URL)
}

func port(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// attacked opens a page of another site that attacks the service.
func attacked(t *testing.T, browser context.Context) {
	s := newService(t)
	w := emptyTab(t, browser)
	w.do(chromedp.Navigate(otherSite(t)))
	for _, target := range []string{s.url, strings.Replace(s.url, "127.0.0.1", "localhost", 1)} {
		if loot := value[[]string](w, call(attack, target)); len(loot) > 0 {
			t.Errorf("the other site reads %q", loot)
		}
	}
	if last := s.phones()[0].Last; last != 0 || s.size() != 0 {
		t.Errorf("the other site sends %d messages and leaves %d keys", last, s.size())
	}

	naive := &naivePage{}
	srv := httptest.NewServer(naive)
	defer srv.Close()
	defer srv.CloseClientConnections()
	loot := value[[]string](w, call(attack, srv.URL))
	if naive.count() < 3 || len(loot) < 2 {
		t.Errorf("the attack does too little: from a page without a guard, it reads %q and sends %d messages", loot, naive.count())
	}
}

// naivePage is a page without a guard. It is the negative control.
type naivePage struct {
	mu   sync.Mutex
	sent int
}

func (p *naivePage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost && strings.HasPrefix(string(body), `{"phone":"1","kind":"text","body":`) {
		p.mu.Lock()
		p.sent++
		p.mu.Unlock()
	}
	switch {
	case strings.HasSuffix(r.URL.Path, ".js"):
		w.Header().Set("Content-Type", "text/javascript")
	case strings.HasSuffix(r.URL.Path, ".svg"):
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`)
	}
}

func (p *naivePage) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// rebound opens the page with an attacker's name that resolves to this host. The attacker's page then has the same
// origin. Only the Host header of its requests contains the name.
func rebound(t *testing.T, browser context.Context) {
	s := newService(t)
	w := emptyTab(t, browser)
	w.do(chromedp.Navigate("http://rebound.example:" + port(t, s.url)))
	statuses := value[[]int](w, `Promise.all(['/', '/dev/state', '/dev/page.js'].map((path) => fetch(path).then((r) => r.status)).concat(
		fetch('/dev/act', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: `+js(hello)+` }).then((r) => r.status)))`)
	for _, status := range statuses {
		if status != http.StatusForbidden {
			t.Errorf("the statuses are %v", statuses)
		}
	}
	if s.size() != 0 {
		t.Error("a request has changed Redis")
	}
	// With the token, the page works at this name. So it was only the name that the service refused.
	given := newService(t, withToken)
	w.do(chromedp.Navigate("http://rebound.example:" + port(t, given.url) + "/?token=" + token))
	w.until(`document.body.dataset.ready === 'true'`)
}

// framed tries to show the page in a frame of another site, which could then trick people into pressing its buttons.
func framed(t *testing.T, browser context.Context) {
	s := newService(t)
	w := emptyTab(t, browser)
	w.do(chromedp.Navigate(otherSite(t)))
	value[any](w, `new Promise((resolve) => {
		const frame = Object.assign(document.createElement('iframe'), { src: `+js(s.url)+` });
		frame.onload = resolve;
		document.body.append(frame);
	})`)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, complaint := range w.complaints {
		if strings.Contains(complaint, "frame-ancestors") {
			return
		}
	}
	t.Errorf("the browser shows the page, and reports only %q", w.complaints)
}

// policed tries what the Content-Security-Policy must prevent. It also checks that the tests detect violations.
func policed(t *testing.T, browser context.Context) {
	w := newTab(t, browser, newService(t).url)
	got := value[string](w, `(() => { try { document.querySelector('.log').innerHTML = '<b>x</b>'; return 'set'; } catch { return 'refused'; } })()`)
	if got != "refused" {
		t.Error("the page can parse text as HTML")
	}
	value[any](w, `(() => {
		const script = document.createElement('script');
		try { script.textContent = 'window.hacked = 1'; } catch { script.append('window.hacked = 1'); }
		document.body.append(script);
		document.body.append(Object.assign(document.createElement('img'), { src: 'http://other.example/x.png' }));
		document.body.setAttribute('style', 'color: red');
	})()`)
	w.until(`['img-src', 'style-src-attr'].every((d) => window.violations.includes(d))`)
	if value[bool](w, `'hacked' in window`) {
		t.Error("the browser has run an inline script")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.complaints) == 0 {
		t.Error("the tests do not get the complaints of the browser")
	}
}
