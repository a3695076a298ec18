// Package redistest starts the Redis that a test needs: a real redis-server that can be killed, paused and restarted,
// the embedded Redis, a Cluster, Sentinels, and a proxy that breaks connections. Only tests import it.
package redistest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

const host = "127.0.0.1"

// Server is a real redis-server process on a free loopback port. Its methods are safe for concurrent use. CLI, Age and
// ClientTLS may end the test, so only the goroutine of the test may call them.
type Server struct {
	tb      testing.TB
	options Options
	binary  string
	dir     string
	port    int
	bus     int // the port for other nodes of a Cluster; the default, port plus 10000, can be too large

	mu   sync.Mutex
	runs []*process // the last one is the present one
}

// Start starts a redis-server and waits until it accepts connections. The server is killed when the test ends; if the
// test has failed, the output of the server is logged. If redis-server is not installed, the test fails.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{tb: tb, options: o, binary: installed(tb, "redis-server"), dir: tb.TempDir()}
	if o.TLS && o.certs == "" {
		s.options.certs = s.dir
		writeCertificate(tb, s.dir)
	}
	if o.Config != "" {
		if err := os.WriteFile(s.configFile(), []byte(o.Config), 0o600); err != nil {
			tb.Fatalf("redistest: %v", err)
		}
	}
	tb.Cleanup(s.cleanup) // runs before the clean-up of TempDir, so the process ends before its folder is deleted
	s.port, s.bus = ReservePort(tb), ReservePort(tb)
	if err := s.run(); err != nil {
		tb.Fatalf("redistest: start redis-server: %v", err)
	}
	return s
}

// installed returns the path of a program. If it is not installed, the test fails.
func installed(tb testing.TB, program string) string {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		tb.Fatalf("redistest: %s is not installed; `make test` installs it: %v", program, err)
	}
	return path
}

// Port returns the port. A restart does not change it.
func (s *Server) Port() int { return s.port }

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort(host, strconv.Itoa(s.port)) }

// URL returns the address as a redis:// URL or, with TLS, as a rediss:// URL. It contains the password.
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

// Kill kills the process and waits until it has ended. It does nothing if the process has ended already.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) > 0 {
		s.runs[len(s.runs)-1].kill()
	}
}

// Restart starts the server again on the same port and in the same folder, so an append-only server has its data again.
// If the server still runs, Restart kills it first. The error contains the output of the server.
func (s *Server) Restart() error {
	s.Kill()
	return s.run()
}

// Pause stops the process with SIGSTOP and waits until it has stopped. Connections stay open, and the kernel accepts
// new ones, but nothing is answered until [Server.Resume].
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume continues a paused process. It then executes the commands that clients have sent in the meantime.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) configFile() string { return filepath.Join(s.dir, "redis.conf") }

// run starts the process and waits until it is ready.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.tb.Context().Err(); err != nil { // no clean-up would end the process
		return fmt.Errorf("the test is over: %w", err)
	}
	p, err := startProcess(s.binary, s.dir, s.args())
	if err == nil {
		s.runs = append(s.runs, p)
	}
	return err
}

func (s *Server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.runs[len(s.runs)-1].signal(signal); err != nil {
		s.tb.Errorf("redistest: send %v to redis-server: %v", signal, err)
	}
}

func (s *Server) cleanup() {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tb.Failed() {
		return
	}
	for i, p := range s.runs {
		s.tb.Logf("redis-server on %s, run %d:\n%s", s.Addr(), i+1, p.text())
	}
}
