package devservice_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/devservice"
	"smsession/internal/phone"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// startService starts a server that answers /healthz as a replica does.
func startService(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		fmt.Fprintln(w, "smsession v1")
	}))
	t.Cleanup(server.Close)
	return server
}

func TestPublish(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := devservice.Find(t.Context()); !errors.Is(err, devservice.ErrNotRunning) {
		t.Errorf("before a service runs, Find returns %v", err)
	}
	server := startService(t)
	s := devservice.Service{URL: server.URL, AuthToken: phone.RandomHex()}
	path, err := s.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := devservice.Find(t.Context())
	if err != nil || found.AuthToken != s.AuthToken || found.PID != os.Getpid() {
		t.Errorf("Find returns %+v, %v", found, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}

	t.Run("a second service is not published", func(t *testing.T) {
		if _, err := (devservice.Service{URL: startService(t).URL}).Publish(t.Context()); err == nil ||
			!strings.Contains(err.Error(), server.URL) {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("a service with the same address was killed", func(t *testing.T) {
		if _, err := s.Publish(t.Context()); err != nil { // asking it would take two seconds: nobody serves yet
			t.Error(err)
		}
	})
	t.Run("the file of a service that was killed is replaced", func(t *testing.T) {
		server.Close()
		if _, err := devservice.Find(t.Context()); !errors.Is(err, devservice.ErrNotRunning) {
			t.Errorf("Find returns %v", err)
		}
		next := startService(t)
		if _, err := (devservice.Service{URL: next.URL}).Publish(t.Context()); err != nil {
			t.Error(err)
		}
		if found, err := devservice.Find(t.Context()); err != nil || found.URL != next.URL {
			t.Errorf("Find returns %+v, %v", found, err)
		}
	})
	t.Run("Withdraw deletes the file of this process only", func(t *testing.T) {
		if err := os.WriteFile(path, []byte(`{"pid":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
		devservice.Withdraw(path)
		if _, err := os.Stat(path); err != nil {
			t.Error("the file of another process is deleted")
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"pid":%d}`, os.Getpid()), 0o600); err != nil {
			t.Fatal(err)
		}
		devservice.Withdraw(path)
		if _, err := os.Stat(path); err == nil {
			t.Error("the file of this process is left behind")
		}
	})
}

func TestPrivateDirectory(t *testing.T) {
	runtime := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	dir := filepath.Join(runtime, "smsession")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	s := devservice.Service{URL: startService(t).URL}
	if _, err := s.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), "is not private") {
		t.Errorf("Publish returns %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev.json"), fmt.Appendf(nil, `{"url":%q}`, s.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devservice.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "is not private") {
		t.Errorf("Find returns %v", err)
	}
}

func TestGuideNamesTheFile(t *testing.T) {
	s := devservice.Service{URL: "http://127.0.0.1:8080", Redis: "redis://127.0.0.1:6379", Prefix: "sms:",
		PublicURL: "https://sms.example.com", AuthToken: phone.RandomHex(), AccountSID: "AC" + phone.RandomHex()}
	without := "\n  bin/smsession phone --url http://127.0.0.1:8080/sms --public-url 'https://sms.example.com/sms' hi 'hi again'\n"
	for file, want := range map[string]string{
		"": without, "/run/user/1000/smsession/dev.json": "the auth token in\n/run/user/1000/smsession/dev.json.",
	} {
		var out strings.Builder
		if err := s.WriteGuide(&out, file, "bin/smsession"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), s.AuthToken) != (file == "") {
			t.Errorf("with the file %q, the guide is:\n%s", file, out.String())
		}
	}
}

// TestGuideLines checks the guide for a terminal of 80 columns. A line of a command may be longer.
func TestGuideLines(t *testing.T) {
	const file, app = "/run/user/1000/smsession/dev.json", "http://localhost:3000/sms"
	s := devservice.Service{URL: "http://127.0.0.1:8080", Redis: "redis://127.0.0.1:40000", Reach: everywhere,
		PublicURL: "http://127.0.0.1:8080", Prefix: "sms:", AuthToken: phone.RandomHex(), App: app, Replicas: 9}
	for _, file := range []string{"", file} {
		var out strings.Builder
		if err := s.WriteGuide(&out, file, "bin/smsession"); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 80 && !strings.HasPrefix(line, "  ") {
				t.Errorf("the line %q has %d columns", line, len(line))
			}
		}
		for _, command := range []string{"ls", "show " + devservice.From, "watch"} {
			if !strings.Contains(out.String(), "\n  bin/smsession "+command+"\n") {
				t.Errorf("with the file %q, %s is missing in:\n%s", file, command, out.String())
			}
		}
	}
}

func TestGuideNamesTheApp(t *testing.T) {
	const counter = "The page has a phone to send messages to this service."
	const inspector = "a phone and an inspector for your app"
	for url, want := range map[string]string{"": counter, "http://user:s3cret@localhost:3000/sms?s3cret": inspector} {
		cfg := config.DevDefaults()
		cfg.App.URL = weburl.Split(url)
		cfg.AuthTokens = twilio.Tokens{{Value: phone.RandomHex()}}
		cfg.Redis = redisurl.URL{Addrs: []string{"127.0.0.1:6379"}}
		var out strings.Builder
		if err := devservice.New(cfg, "http://127.0.0.1:8080", "").WriteGuide(&out, "", "bin/smsession"); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if !strings.Contains(text, want) || strings.Contains(text, counter) == strings.Contains(text, inspector) ||
			strings.Contains(text, "http://localhost:3000/sms") != (url != "") || strings.Contains(text, "s3cret") {
			t.Errorf("with the app %q, the guide is:\n%s", url, text)
		}
	}
}
