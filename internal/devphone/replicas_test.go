package devphone_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"smsession/internal/config"
	"smsession/internal/devrun"
	"smsession/internal/fleet"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// newReplicas starts a `smsession dev` with n replicas in this process. If app is not "", the app there answers.
func newReplicas(t *testing.T, n int, app string) *service {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	cfg := config.DevDefaults()
	cfg.Addr, cfg.AdminAddr = "127.0.0.1:0", ""
	if app != "" {
		cfg.App.URL = weburl.Split(app)
		cfg.App.PublicURL, cfg.App.Timeout, cfg.RequestBudget = cfg.App.URL, 11*time.Second, 12*time.Second
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, guide := make(chan error, 1), make(chan string, 1)
	go func() {
		ended <- devrun.Run(ctx, devrun.Options{
			Config: cfg, Version: "test", Replicas: n, Stdout: written(guide), Stderr: io.Discard,
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := webhooktest.Receive(t, "the end of dev", ended); err != nil {
			t.Error(err)
		}
		webhooktest.Wait(t, "the end of the killed replicas", func() bool {
			stacks := make([]byte, 4<<20)
			return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "smsession/internal/replica.Run(")
		})
	})
	url := regexp.MustCompile(`http://[\d.:]+`).FindString(webhooktest.Receive(t, "the guide", guide))
	return &service{tb: t, url: url}
}

// written is a writer that sends each text to a channel.
type written chan<- string

func (w written) Write(text []byte) (int, error) {
	w <- string(text)
	return len(text), nil
}

// fleetState is the part of /dev/state about the replicas.
type fleetState struct {
	Redis    string
	Replicas []fleet.Replica
}

func (s *service) fleet() (state fleetState) {
	s.tb.Helper()
	s.get("/dev/state", &state)
	return state
}

func (s *service) waitFleet(what string, isTrue func(fleetState) bool) {
	s.tb.Helper()
	webhooktest.Wait(s.tb, what, func() bool { return isTrue(s.fleet()) })
}

// traced is the part of an entry about the replicas.
type traced struct {
	Outcome struct {
		OK      bool
		Replies []struct{ Body string }
		Replica int
		Way     string
	}
}

// trace sends a text from the first phone.
func (s *service) trace(text string) traced {
	s.tb.Helper()
	var result struct{ Entries []traced }
	if status := s.post("/dev/act", `{"phone":"1","kind":"text","body":"`+text+`"}`, &result); status != 200 {
		s.tb.Fatalf("the message is answered %d", status)
	}
	return result.Entries[0]
}

// check checks the reply of a message, the replica, and what happened on the way.
func (e traced) check(t *testing.T, count, replica int, way string) {
	t.Helper()
	o := e.Outcome
	if len(o.Replies) != 1 || o.Replies[0].Body != webhooktest.Greeting(count) || o.Replica != replica ||
		!regexp.MustCompile("^"+strings.ReplaceAll(way, "MS", `\d+\x{a0}ms`)+"$").MatchString(o.Way) {
		t.Errorf("message %d: %+v", count, o)
	}
}

func (s *service) status(path, body string, want int) {
	s.tb.Helper()
	if status := s.post(path, body, nil); status != want {
		s.tb.Errorf("%s %s is answered %d, want %d", path, body, status, want)
	}
}

// isUp reports whether everything runs.
func (state fleetState) isUp() bool {
	return state.Redis == "up" &&
		!slices.ContainsFunc(state.Replicas, func(r fleet.Replica) bool { return r.State != fleet.Up })
}

func TestReplicas(t *testing.T) {
	s := newReplicas(t, 3, "")
	s.waitFleet("the replicas", fleetState.isUp)
	for i := range 3 {
		s.trace("hello").check(t, i+1, i+1, "")
	}
	s.status("/dev/redis", `{"do":"pause"}`, 200)
	s.status("/dev/redis", `{"do":"restart"}`, 409)
	s.status("/dev/redis", `{"do":"explode"}`, 400)
	s.status("/dev/kill", `{"replica":4}`, 404)
	slow := make(chan traced, 1)
	go func() { slow <- s.trace("hello") }()
	s.waitFleet("the message", func(f fleetState) bool { return f.Replicas[0].Underway == 1 })
	s.status("/dev/kill", `{"replica":1}`, 200)
	s.status("/dev/kill", `{"replica":1}`, 409)
	webhooktest.Receive(t, "the reply", slow).check(t, 4, 2, `Redis was paused\. `+
		`Attempt 1: Replica 1 was killed after MS\. Attempt 2, at the fallback URL: Replica 2 answered after MS\.`)
	s.waitFleet("replica 1 and Redis", fleetState.isUp)
	s.status("/dev/redis", `{"do":"restart"}`, 200)
	s.trace("hello").check(t, 5, 3, `Redis was restarted\. Replica 3 answered after MS\.`)
	s.waitFleet("Redis", fleetState.isUp)
	for i := range 3 {
		s.status("/dev/kill", fmt.Sprintf(`{"replica":%d}`, i+1), 200)
	}
	if o := s.trace("hello").Outcome; o.OK || o.Replica != 0 ||
		o.Way != "Attempt 1: No replica was up. Attempt 2, at the fallback URL: No replica was up." {
		t.Errorf("without a replica, the message has %+v", o)
	}
	s.waitFleet("the replicas again", fleetState.isUp)
	s.trace("hello").check(t, 6, 1, "")
}

func TestOneReplica(t *testing.T) {
	s := newReplicas(t, 1, "")
	webhooktest.Wait(t, "the first reply", func() bool { return s.trace("hello").Outcome.OK })
	if e := s.trace("hello").Outcome; e.Replica != 0 || e.Way != "" {
		t.Errorf("the outcome is %+v", e)
	}
	for _, path := range []string{"/dev/kill", "/dev/redis"} {
		if a := s.request("POST", path, `{}`, headers("Content-Type", "application/json")); a.status != 404 {
			t.Errorf("%s is answered %d", path, a.status)
		}
	}
	for _, path := range []string{"/", "/dev/state"} {
		if a := s.request("GET", path, "", headers()); strings.Contains(a.body, `replicas"`) {
			t.Errorf("%s mentions replicas: %s", path, a.body)
		}
	}
}

// startSlowApp starts an app that counts with a cookie. It answers the first call for the text "slow" when release is
// closed.
func startSlowApp(t *testing.T) (url string, begun <-chan struct{}, release chan struct{}) {
	t.Helper()
	first, release := make(chan struct{}, 1), make(chan struct{})
	var once sync.Once
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("Body") == "slow" {
			once.Do(func() {
				first <- struct{}{}
				<-release
			})
		}
		visits := 1
		if c, err := r.Cookie("visits"); err == nil {
			_, _ = fmt.Sscan(c.Value, &visits)
			visits++
		}
		http.SetCookie(w, &http.Cookie{Name: "visits", Value: fmt.Sprint(visits)})
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "Visit %d", visits)
	}))
	t.Cleanup(app.Close)
	return app.URL, first, release
}

// TestReplicasInChromium uses the panel as a person does, with the keyboard alone.
func TestReplicasInChromium(t *testing.T) {
	app, begun, release := startSlowApp(t)
	s := newReplicas(t, 3, app)
	s.waitFleet("the replicas", fleetState.isUp)
	w := newTab(t, chromium(t), s.url)
	w.resize(1280, 800)
	says := func(text string) {
		t.Helper()
		w.until(`document.querySelector('#change').textContent.includes(` + js(text) + `)`)
	}
	focus := func(label string) {
		t.Helper()
		for range 60 {
			if value[string](w, `document.activeElement.ariaLabel || document.activeElement.textContent`) == label {
				return
			}
			w.keys(kb.Tab)
		}
		t.Fatalf("the Tab key does not lead to %q", label)
	}
	w.keys("Hello\r")
	w.count(".in", 1)
	if got := w.texts(".meta")[0]; !strings.HasSuffix(got, " · replica\u00a01") {
		t.Errorf("the status is %q", got)
	}
	w.until(`document.querySelector('#replicas').textContent.includes('1 answered')`)
	w.keys("slow\r")
	webhooktest.Receive(t, "the call of the app", begun)
	w.until(`document.querySelector('#replicas li:nth-child(2)').classList.contains('busy')`)
	focus("Kill replica 2")
	w.keys("\r")
	says("Replica 2 was killed")
	close(release)
	if got := value[string](w, `document.activeElement.ariaLabel`); got != "Kill replica 2" {
		t.Errorf("after the key, the focus is on %q", got)
	}
	w.count(".in", 2)
	if got := w.texts(".in")[1]; got != "Reply: Visit 2" {
		t.Errorf("the reply is %q", got)
	}
	way := `^Attempt 1: Replica 2 was killed after \d+\x{a0}ms\. ` +
		`Attempt 2, at the fallback URL: Replica 3 answered after \d+\x{a0}ms\.$`
	if got := w.texts(".way"); len(got) != 1 || !regexp.MustCompile(way).MatchString(got[0]) {
		t.Errorf("the page says %q", got)
	}
	says("Replica 2 runs again")
	focus("Pause Redis 3 s")
	w.keys(" ")
	says("Redis is paused")
	says("Redis runs again")
	if got := w.texts("#record")[0]; !strings.Contains(got, `"counter": 2`) {
		t.Errorf("the record is %s", got)
	}
	w.media("prefers-reduced-motion", "reduce")
	s.status("/dev/kill", `{"replica":1}`, 200)
	says("Replica 1 was killed")
	for _, scheme := range []string{"light", "dark"} {
		w.media("prefers-color-scheme", scheme)
		if got := value[struct{ Low []string }](w, call(lowContrast)); len(got.Low) > 0 {
			t.Errorf("%s: these texts have too little contrast: %q", scheme, got.Low)
		}
	}
	w.checkNames()
	w.resize(390, 844)
	w.fits("on a handset,", 390)
	w.expectComplaints("/dev/session") // Redis does not answer it during the pause
	w.checkComplaints()
}
