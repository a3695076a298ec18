package systemtest

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// secretFile is a file that a setting names.
type secretFile struct {
	tb   testing.TB
	path string
}

func newSecretFile(tb testing.TB, content string) secretFile {
	f := secretFile{tb, filepath.Join(tb.TempDir(), "secret")}
	f.write(content)
	return f
}

func (f secretFile) write(content string) {
	f.tb.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o600); err != nil {
		f.tb.Fatal(err)
	}
}

// copy replaces the content of the file with the content of another file.
func (f secretFile) copy(from string) {
	f.tb.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		f.tb.Fatal(err)
	}
	f.write(string(content))
}

func TestRedisPasswordRotation(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">0ld-S3cr3t", "~sms:*",
		"+@all"}})
	file := newSecretFile(t, "redis://app:0ld-S3cr3t@"+server.Addr())
	r := startReplica(t, "", "REDIS_URL=", "REDIS_URL_FILE="+file.path)
	s := newSender(t)
	replies := []reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}
	server.CLI("ACL", "SETUSER", "app", ">new-S3cr3t")
	file.write("redis://app:new-S3cr3t@" + server.Addr())
	server.CLI("ACL", "SETUSER", "app", "<0ld-S3cr3t")
	server.CLI("CLIENT", "KILL", "USER", "app")
	for range 2 {
		replies = append(replies, s.deliver(r.url, "/sms", webhooktest.NewSID(), replies[0].Cookie))
	}
	report(t, checkCounts(replies, 1, 3))
	if strings.Contains(strings.ToLower(r.stderr()), "s3cr3t") {
		t.Errorf("the log quotes a password:\n%s", r.stderr())
	}
}

// TestCertificateRotation gives certificates of another authority to the server and the client.
func TestCertificateRotation(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	next := redistest.Start(t, redistest.Options{TLS: true})
	ca, cert, key := newSecretFile(t, ""), newSecretFile(t, ""), newSecretFile(t, "")
	put := func(s *redistest.Server) {
		for _, file := range []secretFile{ca, cert, key} {
			file.copy(s.PEMFile())
		}
	}
	put(server)
	files := url.Values{"ca_file": {ca.path}, "cert_file": {cert.path}, "key_file": {key.path}}
	r := startReplica(t, "rediss://"+server.Addr()+"?"+files.Encode())
	s := newSender(t)
	replies := []reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}

	operator := redistest.Conn(t, server.Addr(), redis.DialUseTLS(true), redis.DialTLSConfig(server.ClientTLS()))
	put(next)
	pem := next.PEMFile() // the server has the same certificate
	for _, command := range [][]any{
		{"CONFIG", "SET", "tls-ca-cert-file", pem, "tls-cert-file", pem, "tls-key-file", pem},
		{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"},
	} {
		if _, err := operator.Do(command[0].(string), command[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		replies = append(replies, s.deliver(r.url, "/sms", webhooktest.NewSID(), replies[0].Cookie))
	}
	report(t, checkCounts(replies, 1, 3))
}

func TestHangup(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	t.Run("the auth tokens are read again", func(t *testing.T) {
		file := newSecretFile(t, "another-token")
		r := startReplica(t, server.URL(), "TWILIO_AUTH_TOKEN=", "TWILIO_AUTH_TOKEN_FILE="+file.path)
		answers := func(want int, to string) {
			t.Helper()
			for _, route := range []string{"/sms", "/sms/fallback"} {
				if got, err := newSender(t).Send(r.url, route, webhooktest.NewSID(), ""); err != nil ||
					got.Status != want {
					t.Errorf("%s gets %d at %s, %v, want %d", to, got.Status, route, err, want)
				}
			}
		}
		answers(http.StatusForbidden, "a message that is signed with a token that is not in the file")
		file.write("another-token," + webhooktest.AuthToken)
		r.signal(syscall.SIGHUP)
		r.waitForLog("the secrets were read again", 1)
		answers(http.StatusOK, "a message that is signed with the new token")
		file.write("S3cr3t,,")
		r.signal(syscall.SIGHUP)
		r.waitForLog("the auth tokens stay as they were", 1)
		answers(http.StatusOK, "a message after a wrong file")
		if strings.Contains(r.stderr(), "S3cr3t") {
			t.Errorf("the log quotes a token:\n%s", r.stderr())
		}
	})
	t.Run("a new database is logged and not used", func(t *testing.T) {
		file := newSecretFile(t, server.URL())
		r := startReplica(t, "", "REDIS_URL=", "REDIS_URL_FILE="+file.path)
		file.write(server.URL() + "/1")
		for n := range 2 {
			r.signal(syscall.SIGHUP)
			r.waitForLog("restart the service to use it", n+1)
		}
		report(t, checkCounts([]reply{newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 1))
		if got := server.CLI("-n", "1", "DBSIZE"); got != "0" {
			t.Errorf("the other database has %s keys", got)
		}
	})
	t.Run("SIGHUP does not end a service that is starting", func(t *testing.T) {
		away := redistest.Start(t, redistest.Options{})
		away.Kill()
		r := launch(t, []string{"serve"}, serviceSettings(away.URL())...)
		r.signal(syscall.SIGHUP)
		r.waitForLog("the secrets were read again", 1)
		if err := away.Restart(); err != nil {
			t.Fatal(err)
		}
		r.waitReady()
	})
	t.Run("SIGHUP does not end dev", func(t *testing.T) {
		survives(t, startDev(t).process)
	})
	t.Run("SIGHUP does not end an operator's command", func(t *testing.T) {
		w := start(t, []string{"watch"}, "REDIS_URL="+server.URL())
		s := newSender(t)
		r := startReplica(t, server.URL())
		for n := 1; !strings.Contains(w.stdout(), "\n"); n++ { // it has started
			s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
		}
		survives(t, w)
	})
}

// survives sends SIGHUP and then SIGTERM to a process. It fails the test if SIGHUP ends the process.
func survives(t *testing.T, r *process) {
	t.Helper()
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGTERM)
	r.wait()
	if status := r.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGHUP {
		t.Error("SIGHUP ended it")
	}
}
