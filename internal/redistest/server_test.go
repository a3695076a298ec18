package redistest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/webhooktest"
)

func TestStart(t *testing.T) {
	s := Start(t, Options{})
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("redis-cli PING = %q, want PONG", got)
	}
	if want := fmt.Sprintf("redis://127.0.0.1:%d", s.Port()); s.URL() != want {
		t.Errorf("URL() = %q, want %q", s.URL(), want)
	}
}

func TestConcurrentStarts(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprintf("server %d is empty", n), func(t *testing.T) {
			t.Parallel()
			s := Start(t, Options{})
			if got := s.CLI("DBSIZE"); got != "0" {
				t.Errorf("redis-cli DBSIZE = %q, want 0", got)
			}
			s.CLI("SET", "key", "value")
		})
	}
}

func TestKill(t *testing.T) {
	s := Start(t, Options{})
	s.Kill()
	s.Kill() // a second call does nothing
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Error("a killed server accepted a connection")
	}
	if got := s.CLI("PING"); !strings.Contains(got, "Connection refused") {
		t.Errorf("redis-cli PING = %q, want Connection refused", got)
	}
}

func TestRestart(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		want    string
	}{
		{"an append-only server keeps its port and its data", Options{AppendOnly: true}, "value"},
		{"a plain server keeps only its port", Options{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Start(t, test.options)
			addr := s.Addr()
			if got := s.CLI("SET", "key", "value"); got != "OK" {
				t.Fatalf("redis-cli SET = %q, want OK", got)
			}
			s.Kill()
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			if s.Addr() != addr {
				t.Errorf("Addr() = %s after a restart, was %s", s.Addr(), addr)
			}
			if got := s.CLI("GET", "key"); got != test.want {
				t.Errorf("redis-cli GET = %q after a restart, want %q", got, test.want)
			}
		})
	}
}

func TestRestartWhileRunning(t *testing.T) {
	s := Start(t, Options{})
	c := Conn(t, s.Addr())
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do("PING"); err == nil {
		t.Error("a connection outlived the server's restart")
	}
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("redis-cli PING = %q, want PONG", got)
	}
}

func TestRestartFails(t *testing.T) {
	s := Start(t, Options{})
	s.Kill()
	s.options.Args = []string{"--no-such-setting", "yes"}
	err := s.Restart()
	if err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("Restart() = %v, want the error of redis-server", err)
	}
}

func TestPause(t *testing.T) {
	s := Start(t, Options{})
	c := Conn(t, s.Addr(), redis.DialReadTimeout(150*time.Millisecond))
	patient := Conn(t, s.Addr())
	s.Pause()
	if _, err := c.Do("SET", "key", "sent while paused"); err == nil {
		t.Error("a paused server answered")
	}
	s.Resume()
	// The command that was sent before the time-out is executed late, and its client gets no reply.
	webhooktest.Wait(t, "the late command", func() bool {
		got, err := redis.String(patient.Do("GET", "key"))
		return err == nil && got == "sent while paused"
	})
	s.Pause()
	s.Pause() // a second call does nothing
	s.Resume()
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("redis-cli PING = %q, want PONG", got)
	}
}

func TestKillWhilePaused(t *testing.T) {
	s := Start(t, Options{})
	s.Pause()
	s.Kill()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
}

func TestAge(t *testing.T) {
	s := Start(t, Options{})
	s.CLI("SET", "four hours", "v", "EX", "14400")
	s.CLI("SET", "five hours", "v", "EX", "18000")
	s.CLI("SET", "for ever", "v")
	s.Age(4 * time.Hour)
	if got := s.CLI("EXISTS", "four hours"); got != "0" {
		t.Errorf("EXISTS = %s for a key of four hours after four hours, want 0", got)
	}
	if got := s.CLI("TTL", "five hours"); got != "3600" && got != "3599" {
		t.Errorf("TTL = %s for a key of five hours after four hours, want 3600", got)
	}
	if got := s.CLI("TTL", "for ever"); got != "-1" {
		t.Errorf("TTL = %s for a key without a time to live, want -1", got)
	}
}

func TestPassword(t *testing.T) {
	s := Start(t, Options{Password: "p@ss/word"})
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("redis-cli PING = %q, want PONG", got)
	}
	c, err := redis.DialURL(s.URL())
	if err != nil {
		t.Fatalf("dial %s: %v", s.URL(), err)
	}
	defer c.Close()
	if _, err := Conn(t, s.Addr()).Do("PING"); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("PING without a password: %v, want NOAUTH", err)
	}
}

func TestArgs(t *testing.T) {
	s := Start(t, Options{Args: []string{"--user", "app", "on", ">secret", "~sms:*", "+@all"}})
	c := Conn(t, s.Addr(), redis.DialUsername("app"), redis.DialPassword("secret"))
	if _, err := c.Do("SET", "sms:key", "v"); err != nil {
		t.Errorf("SET of an allowed key: %v", err)
	}
	if _, err := c.Do("SET", "other", "v"); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Errorf("SET of a forbidden key: %v, want NOPERM", err)
	}
}

func TestSentinelAndClusterNodes(t *testing.T) {
	t.Run("a Sentinel names the primary in its configuration", func(t *testing.T) {
		primary := Start(t, Options{})
		sentinel := Start(t, Options{
			Config: fmt.Sprintf("sentinel monitor primary 127.0.0.1 %d 1\n", primary.Port()),
			Args:   []string{"--sentinel"},
		})
		want := fmt.Sprintf("127.0.0.1\n%d", primary.Port())
		if got := sentinel.CLI("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "primary"); got != want {
			t.Errorf("the Sentinel returns %q, want %q", got, want)
		}
	})
	t.Run("a node of a Cluster accepts slots", func(t *testing.T) {
		// The default port of the bus, the port plus 10000, can be too large.
		s := Start(t, Options{Args: []string{"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(ReservePort(t))}})
		if got := s.CLI("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); got != "OK" {
			t.Errorf("CLUSTER ADDSLOTSRANGE = %q, want OK", got)
		}
	})
}

func TestTLS(t *testing.T) {
	s := Start(t, Options{TLS: true, Password: "secret"})
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("redis-cli PING = %q, want PONG", got)
	}
	pem, err := os.ReadFile(s.PEMFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("PEMFile contains no certificate")
	}
	for _, url := range []string{s.URL(), strings.Replace(s.URL(), "127.0.0.1", "localhost", 1)} {
		c, err := redis.DialURL(url, redis.DialTLSConfig(&tls.Config{RootCAs: roots}))
		if err != nil {
			t.Errorf("dial %s: %v", url, err)
			continue
		}
		if got, err := redis.String(c.Do("PING")); got != "PONG" {
			t.Errorf("PING = %q, %v, want PONG", got, err)
		}
		c.Close()
	}
	if c, err := redis.DialURL(s.URL()); err == nil {
		c.Close()
		t.Error("a client that does not trust the authority could connect")
	}
	if c, err := redis.Dial("tcp", s.Addr()); err == nil {
		if _, err := c.Do("PING"); err == nil {
			t.Error("a client without TLS was answered")
		}
		c.Close()
	}
}

// TestMissingRedis runs itself with an empty PATH, because it needs a test that fails.
func TestMissingRedis(t *testing.T) {
	if os.Getenv("REDISTEST_CHILD") == "missing" {
		Start(t, Options{})
		return
	}
	cmd := child(t, "missing")
	cmd.Env = append(cmd.Env, "PATH=")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make test") {
		t.Errorf("without redis-server: %v, %s, want a failure that names `make test`", err, out)
	}
}

// child returns the command that runs only the present test, in another process, with a role.
func child(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "REDISTEST_CHILD="+role)
	return cmd
}
