package systemtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/redistest"
)

const caddyfile = "../../deploy/caddy/Caddyfile"

// caddy is the real one with the file that we ship, in front of a fleet.
type caddy struct {
	plain, secure string // URLs of its two ports
	roots         string // where its own authority is
	log           *lockedBuffer
}

// caddyOptions say how a Caddy differs from the one that is shipped.
type caddyOptions struct {
	site string                   // "http" or "https", of localhost
	path string                   // that somebody has put behind it
	edit func(file string) string // for controls; nil for the file as it is
}

// startCaddy starts the system's Caddy on free ports, and waits until it answers. It ends with the test.
func startCaddy(t *testing.T, f *fleet, o caddyOptions) *caddy {
	t.Helper()
	home, plain, secure := t.TempDir(), redistest.FreePort(t), redistest.FreePort(t)
	c := &caddy{
		plain:  fmt.Sprintf("http://localhost:%d", plain),
		secure: fmt.Sprintf("https://localhost:%d", secure),
		roots:  filepath.Join(home, "caddy/pki/authorities/local/root.crt"),
	}
	file, err := os.ReadFile(caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	if o.edit != nil {
		file = []byte(o.edit(string(file)))
	}
	path := filepath.Join(home, "Caddyfile")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var upstreams []string
	for _, r := range f.replicas {
		upstreams = append(upstreams, r.address())
	}
	c.run(t, path, []string{
		"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home,
		"SITE=" + o.site + "://localhost" + o.path, "UPSTREAMS=" + strings.Join(upstreams, " "),
		"HTTP_PORT=" + strconv.Itoa(plain), "HTTPS_PORT=" + strconv.Itoa(secure),
	})
	return c
}

func (c *caddy) run(t *testing.T, path string, environment []string) {
	t.Helper()
	cmd := exec.Command("caddy", "run", "--config", path, "--adapter", "caddyfile")
	cmd.Env = append(environment, "PATH="+os.Getenv("PATH"))
	cmd.SysProcAttr = childAttributes()
	said := &lockedBuffer{}
	c.log, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatalf("Caddy is needed: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("Caddy said last:\n%s", said.last(8<<10))
		}
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if res, err := withoutRedirects(http.DefaultClient).Get(c.plain + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		select {
		case <-exited:
			t.Fatalf("Caddy ended:\n%s", said.String())
		default:
		}
	}
	t.Fatalf("Caddy does not answer:\n%s", said.String())
}

// lockedBuffer is written to by a process while a test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// last is the end of it, so many bytes at most.
func (b *lockedBuffer) last(n int) string {
	all := b.String()
	return all[max(0, len(all)-n):]
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// successor starts a replica in the place of one that has ended, and waits until Caddy sends messages there.
func successor(t *testing.T, server *redistest.Server, old *replica, settings ...string) *replica {
	t.Helper()
	next := startReplica(t, server.URL(), append(settings, "ADDR="+old.address())...)
	waitForTraffic(t, next)
	return next
}

func waitForTraffic(t *testing.T, r *replica) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.answered("continued") == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Caddy sends no message to a replica")
		}
	}
}

// withoutLines drops the lines of a file that begin so.
func withoutLines(file string, beginnings ...string) string {
	var kept []string
	for line := range strings.Lines(file) {
		drop := false
		for _, beginning := range beginnings {
			drop = drop || strings.HasPrefix(strings.TrimSpace(line), beginning)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// trusting is a client that trusts the authority of this Caddy, and no other.
func (c *caddy) trusting(t *testing.T) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		root, err := os.ReadFile(c.roots)
		if err == nil && roots.AppendCertsFromPEM(root) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Caddy has made no certificate: %v", err)
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := client.Get(c.secure + "/healthz")
		if err == nil {
			res.Body.Close()
			return client
		}
		if time.Now().After(deadline) {
			t.Fatalf("Caddy does not answer over TLS: %v", err)
		}
	}
}

// withoutRedirects is a client as Twilio's should be told to be: what answers with a redirect has answered.
func withoutRedirects(c *http.Client) *http.Client {
	return &http.Client{
		Transport:     c.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       15 * time.Second,
	}
}
