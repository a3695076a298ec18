// Package redistest starts the Redis that a test needs: a real redis-server that can be killed, paused and brought
// back, the embedded Redis beside it, and a proxy that breaks connections on purpose. It is imported by tests only
// and is no part of the program.
package redistest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	host = "127.0.0.1"

	// startAttempts is how many ports Start tries. A clash needs another process to take the port in the few
	// milliseconds between asking and binding, so that two in a row are already unlikely.
	startAttempts = 5

	// startTimeout is far above the 30 ms that a start takes, for a busy machine under the race detector.
	startTimeout = 30 * time.Second
)

// Options say how a Server differs from a plain one that keeps nothing on disk. The zero value is that plain one.
type Options struct {
	// AppendOnly writes every command to disk before it is answered, so that a killed server has lost nothing.
	AppendOnly bool
	// Password is asked of the default user.
	Password string
	// TLS serves TLS only, with a throw-away certificate for 127.0.0.1 and localhost; see [Server.CAFile].
	TLS bool
	// ClientCertificate asks the client for a certificate of the same authority, such as [Server.ClientFiles] has.
	ClientCertificate bool
	// Authority is another server with TLS whose certificates this one shares; nil to make new ones.
	Authority *Server
	// Config is the text of a configuration file. Sentinel needs one, because it rewrites it.
	Config string
	// Args are more arguments of redis-server, such as "--user", "app", "on", ">secret", "~sms:*", "+@all".
	Args []string
}

// Server is a real redis-server process on a free loopback port. Its methods are safe for concurrent use; CLI and Age
// are for the test's own goroutine, because they may end the test.
type Server struct {
	tb      testing.TB
	options Options
	binary  string
	dir     string
	caFile  string
	port    int

	mu    sync.Mutex
	runs  []*process // the last one is the present one
	ended bool       // the test is over
}

// Start starts a redis-server and waits until it accepts connections. It is killed when the test ends, and its output
// is shown if the test failed. A missing redis-server fails the test: a skipped suite is not a passed one.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatalf("redistest: redis-server is not installed; `make test` installs it: %v", err)
	}
	s := &Server{tb: tb, options: o, binary: binary, dir: tb.TempDir()}
	switch {
	case o.Authority != nil:
		s.caFile = o.Authority.caFile
	case o.TLS:
		s.caFile = writeCertificates(tb, s.dir)
	}
	if o.Config != "" {
		if err := os.WriteFile(s.configFile(), []byte(o.Config), 0o600); err != nil {
			tb.Fatalf("redistest: %v", err)
		}
	}
	// After TempDir, so that the process is gone before its directory is.
	tb.Cleanup(s.cleanup)
	for range startAttempts {
		s.port = FreePort(tb)
		if err = s.run(); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return s
}

// FreePort returns a loopback port that nobody listened on a moment ago.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatalf("redistest: find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Port returns the port, which stays the same over restarts.
func (s *Server) Port() int { return s.port }

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort(host, strconv.Itoa(s.port)) }

// URL returns the address as a redis:// or, with TLS, a rediss:// URL, with the password if there is one.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", Host: s.Addr()}
	if s.options.TLS {
		u.Scheme = "rediss"
	}
	if s.options.Password != "" {
		u.User = url.UserPassword("", s.options.Password)
	}
	return u.String()
}

// CAFile returns the path of the certificate authority, PEM, that signed the server's certificate; empty without TLS.
func (s *Server) CAFile() string { return s.caFile }

// ClientFiles returns the paths of a client certificate of that authority's and of its key, PEM.
func (s *Server) ClientFiles() (cert, key string) {
	dir := filepath.Dir(s.caFile)
	return filepath.Join(dir, clientCertFile), filepath.Join(dir, clientKeyFile)
}

// ClientTLS returns the TLS settings of a client that knows the authority and has such a certificate.
func (s *Server) ClientTLS() *tls.Config {
	s.tb.Helper()
	pem, err := os.ReadFile(s.caFile)
	if err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(s.ClientFiles())
	if err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
	return &tls.Config{RootCAs: roots, ServerName: host, Certificates: []tls.Certificate{pair}}
}

// Kill ends the process with SIGKILL and returns once it is gone. It does nothing if the process is gone already.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

// Restart starts the server again on the same port and in the same directory, so that an append-only one comes back
// with its data; it is killed first if it still runs. Any goroutine may call it.
func (s *Server) Restart() error {
	// While the server was away an outgoing connection of this host may have been given its port for a moment.
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := s.run()
		if !errors.Is(err, errPortTaken) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Pause stops the process with SIGSTOP and returns once it has stopped: connections stay open, the kernel goes on
// accepting new ones, and nothing is answered until [Server.Resume].
func (s *Server) Pause() {
	s.signal(syscall.SIGSTOP)
}

// Resume lets a paused process go on. What was sent to it in between is executed then.
func (s *Server) Resume() {
	s.signal(syscall.SIGCONT)
}

// Age makes every key of database 0 d older: each time to live shrinks by d, and what it does not leave is gone. It is how a test
// reaches the end of four hours on a server whose clock cannot be moved.
func (s *Server) Age(d time.Duration) {
	s.tb.Helper()
	const script = `for _, key in ipairs(redis.call('KEYS', '*')) do
		local left = redis.call('PTTL', key)
		if left >= 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
	end`
	if out := s.CLI("EVAL", script, "0", strconv.FormatInt(d.Milliseconds(), 10)); out != "" {
		s.tb.Fatalf("redistest: age the keys: %s", out)
	}
}

// CLI runs the real redis-cli against the server, as an operator would, and returns what it printed to both streams,
// trimmed. A failure of redis-cli is in that text too. A missing redis-cli fails the test.
func (s *Server) CLI(args ...string) string {
	s.tb.Helper()
	binary, err := exec.LookPath("redis-cli")
	if err != nil {
		s.tb.Fatalf("redistest: redis-cli is not installed; `make test` installs it: %v", err)
	}
	// Long enough for any command, short enough to notice that the server is paused.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	connection := []string{"-h", host, "-p", strconv.Itoa(s.port)}
	if s.options.TLS {
		cert, key := s.ClientFiles()
		connection = append(connection, "--tls", "--cacert", s.caFile, "--cert", cert, "--key", key)
	}
	cmd := exec.CommandContext(ctx, binary, append(connection, args...)...)
	if s.options.Password != "" {
		cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+s.options.Password)
	}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil && text == "" {
		return fmt.Sprintf("redis-cli: %v", err)
	}
	return text
}

func (s *Server) configFile() string { return filepath.Join(s.dir, "redis.conf") }

// args puts the caller's arguments between our defaults, which they may override, and what redistest itself relies on.
func (s *Server) args() []string {
	var args []string
	if s.options.Config != "" {
		args = append(args, s.configFile())
	}
	args = append(args, "--save", "")
	if s.options.AppendOnly {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	if s.options.Password != "" {
		args = append(args, "--requirepass", s.options.Password)
	}
	args = append(args, s.options.Args...)
	port := strconv.Itoa(s.port)
	if s.options.TLS {
		dir, clients := filepath.Dir(s.caFile), "no"
		if s.options.ClientCertificate {
			clients = "yes"
		}
		args = append(args, "--port", "0", "--tls-port", port, "--tls-auth-clients", clients,
			"--tls-cert-file", filepath.Join(dir, certFile), "--tls-key-file", filepath.Join(dir, keyFile),
			"--tls-ca-cert-file", s.caFile)
	} else {
		args = append(args, "--port", port)
	}
	// The ready line is logged at notice.
	return append(args, "--bind", host, "--dir", s.dir, "--daemonize", "no", "--logfile", "", "--loglevel", "notice")
}

// run starts the process and waits until it is ready.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errors.New("start redis-server: the test is over")
	}
	s.kill()
	p, err := launch(s.binary, s.dir, s.args())
	if err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.runs = append(s.runs, p)
	if err := p.waitReady(startTimeout); err != nil {
		s.kill()
		return err
	}
	return nil
}

func (s *Server) kill() {
	if len(s.runs) > 0 {
		s.runs[len(s.runs)-1].kill()
	}
}

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.runs[len(s.runs)-1].signal(sig); err != nil {
		s.tb.Errorf("redistest: send %v to redis-server: %v", sig, err)
	}
}

func (s *Server) cleanup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.kill()
	if !s.tb.Failed() {
		return
	}
	for i, p := range s.runs {
		s.tb.Logf("redis-server on %s, run %d:\n%s", s.Addr(), i+1, p.text())
	}
}
