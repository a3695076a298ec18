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

	"smsession/internal/processtest"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const caddyfile = "../../deploy/caddy/Caddyfile"

// caddy is a real Caddy with the file that we ship, in front of a fleet.
type caddy struct {
	plain, secure string // the URLs of its two ports
	roots         string // the file of its own certificate authority
	log           *lockedBuffer
}

// caddyOptions are the differences between a Caddy and the one that we ship.
type caddyOptions struct {
	site string                   // "http" or "https", for localhost
	path string                   // after the host in SITE
	app  string                   // APP_UPSTREAM
	edit func(file string) string // for negative controls; nil for the file as it is
}

// startCaddy starts the system's Caddy on free ports, and waits until it answers.
func startCaddy(t *testing.T, f *fleet, o caddyOptions) *caddy {
	t.Helper()
	home, plain, secure := t.TempDir(), redistest.ReservePort(t), redistest.ReservePort(t)
	c := &caddy{
		plain:  fmt.Sprintf("http://localhost:%d", plain),
		secure: fmt.Sprintf("https://localhost:%d", secure),
		roots:  filepath.Join(home, "caddy/pki/authorities/local/root.crt"),
		log:    &lockedBuffer{},
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
		"HTTP_PORT=" + strconv.Itoa(plain), "HTTPS_PORT=" + strconv.Itoa(secure), "APP_UPSTREAM=" + o.app,
	})
	return c
}

func (c *caddy) run(t *testing.T, path string, environment []string) {
	t.Helper()
	cmd := exec.Command("caddy", "run", "--config", path, "--adapter", "caddyfile")
	cmd.Env = append(environment, "PATH="+os.Getenv("PATH"))
	cmd.SysProcAttr = processtest.DieWithParent()
	cmd.Stderr = c.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Caddy: %v", err)
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
			t.Logf("the end of Caddy's log:\n%s", c.log.last(8<<10))
		}
	})
	webhooktest.WaitNoError(t, "Caddy to answer", func() error {
		select {
		case <-exited:
			t.Fatalf("Caddy has exited:\n%s", c.log.String())
		default:
		}
		res, err := withoutRedirects(http.DefaultClient).Get(c.plain + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err
	})
}

// trusting returns a client that trusts only the certificate authority of this Caddy.
func (c *caddy) trusting(t *testing.T) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	webhooktest.Wait(t, "Caddy to make its certificate", func() bool {
		root, err := os.ReadFile(c.roots)
		return err == nil && roots.AppendCertsFromPEM(root)
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots},
		DisableKeepAlives: true}}
	webhooktest.WaitNoError(t, "Caddy to answer over TLS", func() error {
		res, err := client.Get(c.secure + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err
	})
	return client
}

// withoutRedirects returns a client that takes a redirect for the final answer.
func withoutRedirects(c *http.Client) *http.Client {
	return &http.Client{
		Transport:     c.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
}

// replaceBehindCaddy starts a replica at the address of one that has ended, and waits until Caddy sends it messages.
func replaceBehindCaddy(t *testing.T, server *redistest.Server, old *replica, settings ...string) *replica {
	t.Helper()
	next := startReplica(t, server.URL(), append(settings, "ADDR="+old.address())...)
	waitForTraffic(t, next)
	return next
}

func waitForTraffic(t *testing.T, r *replica) {
	t.Helper()
	webhooktest.Wait(t, "Caddy to send messages to the replica", func() bool { return r.answered("continued") > 0 })
}

// withoutLines returns a file without the lines that begin with one of the beginnings.
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

// lockedBuffer is a buffer that a process writes while a test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// last returns at most the last n bytes.
func (b *lockedBuffer) last(n int) string {
	all := b.String()
	return all[max(0, len(all)-n):]
}
