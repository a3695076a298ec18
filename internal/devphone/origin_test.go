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

	"smsession/internal/devphone"
)

// attack is what a page of another site tries against a service: everything that a browser lets it send without asking,
// and everything that it could read or run. It resolves to what it got hold of.
//
//go:embed testdata/attack.js
var attack string

// another serves a page of another site. Its name leads to this host, as a name of an attacker's DNS may.
func another(t *testing.T) string {
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

// attacked has a page of another site try it on.
func attacked(t *testing.T, browser context.Context) {
	s := newService(t)
	w := blankTab(t, browser)
	w.do(chromedp.Navigate(another(t)))
	for _, target := range []string{s.url, strings.Replace(s.url, "127.0.0.1", "localhost", 1)} {
		if loot := value[[]string](w, called(attack, target)); len(loot) > 0 {
			t.Errorf("it gets %q", loot)
		}
	}
	if last := s.phones()[0].Last; last != 0 || s.size() != 0 {
		t.Errorf("it sends %d messages and leaves %d keys", last, s.size())
	}

	naive := &naivePage{}
	srv := httptest.NewServer(naive)
	defer srv.Close()
	defer srv.CloseClientConnections()
	loot := value[[]string](w, called(attack, srv.URL))
	if naive.count() < 3 || len(loot) < 2 {
		t.Errorf("from a page without a guard it gets %q and sends %d messages: the attack is none", loot, naive.count())
	}
}

// naivePage is a dev page that takes whatever comes.
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

// rebound opens the page under a name of an attacker's that leads here. The attacker's page is then of the same origin:
// the browser says that nothing is amiss, and only the Host tells.
func rebound(t *testing.T, browser context.Context) {
	s := newService(t)
	w := blankTab(t, browser)
	w.do(chromedp.Navigate("http://rebound.example:" + port(t, s.url)))
	got := value[[]int](w, `Promise.all(['/', '/dev/state', '/dev/page.js'].map((path) => fetch(path).then((r) => r.status)).concat(
		fetch('/dev/send', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: `+js(hello)+` }).then((r) => r.status)))`)
	for _, status := range got {
		if status != http.StatusForbidden {
			t.Errorf("it gets %v", got)
		}
	}
	if s.size() != 0 {
		t.Error("it reaches Redis")
	}
	// The same name leads to the page when it is the one that the service was given, so it is the name that is refused.
	given := newService(t, func(o *devphone.Options) { o.Hosts = []string{"rebound.example"} })
	w.do(chromedp.Navigate("http://rebound.example:" + port(t, given.url)))
	w.until(`document.body.dataset.ready === 'true'`)
}

// framed puts the page into another site's, through which its buttons could be pressed.
func framed(t *testing.T, browser context.Context) {
	s := newService(t)
	w := blankTab(t, browser)
	w.do(chromedp.Navigate(another(t)))
	value[any](w, `new Promise((resolve) => {
		const frame = Object.assign(document.createElement('iframe'), { src: `+js(s.url)+` });
		frame.onload = resolve;
		document.body.append(frame);
	})`)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fault := range w.faults {
		if strings.Contains(fault, "frame-ancestors") {
			return
		}
	}
	t.Errorf("the browser does not refuse: %q", w.faults)
}

// policed tries what the Content-Security-Policy is there to stop. It also shows that the suite sees it being stopped.
func policed(t *testing.T, browser context.Context) {
	w := newTab(t, browser, newService(t).url)
	got := value[string](w, `(() => { try { document.querySelector('.log').innerHTML = '<b>x</b>'; return 'set'; } catch { return 'refused'; } })()`)
	if got != "refused" {
		t.Error("text can be made HTML")
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
		t.Error("a script in the page is run")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) == 0 {
		t.Error("the suite does not see that the browser complains")
	}
}
