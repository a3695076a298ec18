package replica_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/logging"
	"smsession/internal/redistest"
	"smsession/internal/replica"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// startWithApp starts a replica whose messages the app at url answers. It returns the replica's URL, and a function
// that stops the replica and returns its log.
func startWithApp(t *testing.T, url string, change func(*replica.Options)) (address string, stop func() (log string)) {
	t.Helper()
	o := options(t, redistest.Start(t, redistest.Options{}).URL())
	var err error
	if o.Config.App.URL, err = weburl.Parse(url); err != nil {
		t.Fatal(err)
	}
	o.Config.App.PublicURL = o.Config.App.URL
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	o.Log = logging.New(file, logging.JSON, o.Config.LogLevel)
	if change != nil {
		change(&o)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- replica.Run(ctx, o) }()
	return o.Listeners.URL(), func() string {
		t.Helper()
		end()
		if err := webhooktest.Receive(t, "the replica to end", ended); err != nil {
			t.Error(err)
		}
		o.Log.Close()
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(log)
	}
}

// send sends a message with a text from a new sender.
func send(t *testing.T, address, route, text string) webhooktest.Reply {
	t.Helper()
	s := webhooktest.NewSender(t)
	reply, err := s.Do(s.Request(address, route, s.Form(webhooktest.NewSID(), text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestAppAnswers(t *testing.T) {
	var calls atomic.Int64
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits := 1
		if c, err := r.Cookie("visits"); err == nil {
			_, _ = fmt.Sscan(c.Value, &visits)
			visits++
		}
		http.SetCookie(w, &http.Cookie{Name: "visits", Value: fmt.Sprint(visits)})
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s, visit %d", r.PostFormValue("Body"), visits)
	}))
	defer counting.Close()
	address, stop := startWithApp(t, counting.URL+"/sms?key=S3cr3t", func(o *replica.Options) {
		o.ObserveCall = func(app.Call) { calls.Add(1) }
	})
	s := webhooktest.NewSender(t)
	for _, want := range []string{"hello, visit 1", "hello, visit 2"} {
		if reply, err := s.Send(address, "/sms", webhooktest.NewSID(), ""); err != nil || reply.Text() != want {
			t.Errorf("the reply is %q, %v, want %q", reply.Text(), err, want)
		}
	}
	log := stop()
	if strings.Contains(log, "S3cr3t") || !strings.Contains(log, `"app_url":"`+counting.URL+`/sms?•••"`) ||
		calls.Load() != 2 {
		t.Errorf("%d calls are observed, and the log is\n%s", calls.Load(), log)
	}
}

// TestFaultsAreLoggedAsWords lets an app fail in many ways, with the sender's words in each answer.
func TestFaultsAreLoggedAsWords(t *testing.T) {
	const words = "xyzzy-plugh"
	statuses := map[string]int{"status": 418, "redirect": 302, "content_type": 200, "not_twiml": 200, "too_large": 200,
		"cookies": 200}
	faults := map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, words, http.StatusTeapot) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+words+"/", http.StatusFound)
		},
		"content_type": func(w http.ResponseWriter, _ *http.Request) { answer(w, "application/"+words, words) },
		"not_twiml":    func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/xml", "<"+words+">") },
		"too_large":    func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/xml", strings.Repeat(words, 1e4)) },
		"cookies": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "session="+strings.Repeat(words, 1000))
			answer(w, "text/plain", words)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, words+" 200 "+words+"\r\n\r\n")
			conn.Close()
		},
		"timeout": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, _, _ := strings.Cut(r.PostFormValue("Body"), " ")
		faults[fault](w, r)
	}))
	defer failing.Close()
	address, stop := startWithApp(t, failing.URL+"/?key="+words, func(o *replica.Options) {
		o.Config.App.Timeout = 2 * time.Second // a busy machine must not add time-outs
	})
	for fault := range faults {
		if reply := send(t, address, "/sms", fault+" "+words); reply.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: the reply is %d %q, want 503", fault, reply.Status, reply.Body)
		}
	}
	log := stop()
	for fault := range faults {
		want := fmt.Sprintf(`"app_fault":"%[1]s","app_status":%[2]d,"error":"the app answered %[2]d (%[1]s)"`, fault, statuses[fault])
		if statuses[fault] == 0 {
			want = fmt.Sprintf(`"app_fault":"%[1]s","error":"the app did not answer (%[1]s)"`, fault)
		}
		if !strings.Contains(log, want) {
			t.Errorf("the log does not contain the fault %s", fault)
		}
	}
	if strings.Contains(log, words) || t.Failed() {
		t.Errorf("the log is\n%s", log)
	}
}

func answer(w http.ResponseWriter, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	_, _ = io.WriteString(w, body)
}

func TestReadyWithoutTheApp(t *testing.T) {
	address, stop := startWithApp(t, "http://127.0.0.1:1/sms", func(o *replica.Options) {
		o.Config.App.Timeout = 200 * time.Millisecond
	})
	webhooktest.Wait(t, "the replica to be ready", func() bool {
		res, err := http.Get(address + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	if reply := send(t, address, "/sms", "hello"); reply.Status != http.StatusServiceUnavailable {
		t.Errorf("the reply is %d %q, want 503", reply.Status, reply.Body)
	}
	if log := stop(); !strings.Contains(log, `"app_fault":"unreachable"`) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAppSecretsAreReadAgain(t *testing.T) {
	secretOf := func(c string) string {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32)))
	}
	var isNew atomic.Bool
	verifying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret := secretOf("a")
		if isNew.Load() {
			secret = secretOf("b")
		}
		body, _ := io.ReadAll(r.Body)
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answer(w, "application/json", `{"reply":"verified"}`)
	}))
	defer verifying.Close()
	file := filepath.Join(t.TempDir(), "secret")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hangup := make(chan os.Signal)
	write(secretOf("a"))
	address, stop := startWithApp(t, verifying.URL, func(o *replica.Options) {
		o.Config.App.Protocol = config.AppJSON
		o.Config.App.Secrets = config.AppSecrets{[]byte(strings.Repeat("a", 32))}
		o.Flags.AppSecretFile, o.Flags.TwilioAuthToken = file, webhooktest.AuthToken
		o.Flags.RedisURL = "redis://" + o.Config.Redis.Addrs[0]
		o.Hangup = hangup
	})
	isVerified := func() bool { return send(t, address, "/sms", "hello").Text() == "verified" }
	if !isVerified() {
		t.Error("the first secret does not sign")
	}
	isNew.Store(true)
	write("S3cr3t")
	hangup <- os.Interrupt
	hangup <- os.Interrupt // received after the first reading has ended
	write(secretOf("b"))
	hangup <- os.Interrupt
	webhooktest.Wait(t, "the new secret to sign", isVerified)
	if log := stop(); strings.Contains(log, "S3cr3t") || strings.Contains(log, secretOf("b")[6:]) ||
		!strings.Contains(log, "the secrets of the app stay as they were") ||
		!strings.Contains(log, "the secrets were read again") {
		t.Errorf("the log is\n%s", log)
	}
}
