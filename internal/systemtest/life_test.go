package systemtest

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// sentences returns the lines of stderr that are not log lines.
func sentences(stderr string) []string {
	return slices.DeleteFunc(strings.Split(stderr, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "{")
	})
}

// taken returns an address that is in use.
func taken(tb testing.TB, addr string) string {
	tb.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestStartFails runs the service with valid settings that do not fit its surroundings. The error is one sentence.
func TestStartFails(t *testing.T) {
	locked := redistest.Start(t, redistest.Options{Password: "right",
		Args: []string{"--user", "app", "on", ">right", "~sms:*", "+@all"}})
	open := redistest.Start(t, redistest.Options{})
	encrypted := redistest.Start(t, redistest.Options{TLS: true})
	rows := []struct {
		name, redisURL, want string
		settings             []string
	}{
		{"the public port is taken", open.URL(), "(ADDR or PORT): listen tcp 127.0.0.1:", []string{"ADDR=" + taken(t, "127.0.0.1:0")}},
		{"the private port is taken", open.URL(), "(ADMIN_ADDR): listen tcp 127.0.0.1:", []string{"ADMIN_ADDR=" + taken(t, "127.0.0.1:0")}},
		{"the password is wrong", "redis://:S3cr3t@" + locked.Addr(), "WRONGPASS", nil},
		{"the user's password is wrong", "redis://app:S3cr3t@" + locked.Addr(), "WRONGPASS", nil},
		{"the user does not exist", "redis://nobody:S3cr3t@" + locked.Addr(), "WRONGPASS", nil},
		{"a password is needed and none is set", "redis://" + locked.Addr(), "NOAUTH", nil},
		{"a password is set and none is needed", "redis://:S3cr3t@" + open.Addr(), "AUTH", nil},
		{"the database does not exist", "redis://" + open.Addr() + "/4711", "out of range", nil},
		{"the authority of the certificate is unknown", encrypted.URL(), "certificate", nil},
		{"the certificate is for another host", strings.Replace(encrypted.URL(), "127.0.0.1", "0.0.0.0", 1), "certificate",
			[]string{"SSL_CERT_FILE=" + encrypted.PEMFile()}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := start(t, []string{"serve"}, serviceSettings(row.redisURL, row.settings...)...)
			status := r.wait()
			printed := sentences(r.stderr())
			if status != 1 || len(printed) != 1 || !strings.HasPrefix(printed[0], "smsession: ") ||
				!strings.Contains(printed[0], row.want) {
				t.Errorf("exit status %d, %q", status, printed)
			}
			if strings.Contains(r.stderr()+r.stdout(), "S3cr3t") {
				t.Errorf("the secret is in the log:\n%s", r.stderr())
			}
		})
	}
}

func TestStartWaitsForRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	server.Kill()
	r := launch(t, []string{"serve"}, serviceSettings(server.URL())...)
	r.waitFor("starting", http.StatusServiceUnavailable)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	r.waitReady()
	report(t, checkCounts([]reply{newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 1))
}

// TestRedisWithTLS trusts the authority of Redis's certificate. TestStartFails shows that it is not trusted otherwise.
func TestRedisWithTLS(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, Password: "right"})
	r := startReplica(t, server.URL(), "SSL_CERT_FILE="+server.PEMFile())
	s := newSender(t)
	first := s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
	report(t, checkCounts([]reply{first, s.deliver(r.url, "/sms", webhooktest.NewSID(), first.Cookie)}, 1, 2))
	if keys := server.CLI("--scan", "--pattern", "sms:session:*"); keys != "sms:session:"+first.Cookie {
		t.Errorf("the sessions are %q", keys)
	}
}

func TestWrongSettings(t *testing.T) {
	const redis = "redis://127.0.0.1:1"
	rows := []struct {
		name     string
		settings []string
		want     []string // the beginnings of the lines
	}{
		{"everything is missing", []string{"PUBLIC_URL=", "TWILIO_AUTH_TOKEN=", "REDIS_URL="},
			[]string{"PUBLIC_URL (--public-url): ", "TWILIO_AUTH_TOKEN (--twilio-auth-token): ",
				"REDIS_URL (--redis-url): "}},
		{"everything is wrong", []string{"ADDR=S3cr3t", "PUBLIC_URL=ftp://user:S3cr3t@host", "TWILIO_AUTH_TOKEN=S3cr3t,,",
			"REDIS_URL=redis://:S3cr3t@:x/y?z", "SESSION_IDLE_TIMEOUT=0", "REQUEST_BUDGET=1h", "OPT_OUT=?"},
			[]string{"ADDR (--addr): ", "PUBLIC_URL (--public-url): ", "TWILIO_AUTH_TOKEN (--twilio-auth-token): ",
				"REDIS_URL (--redis-url): ",
				"SESSION_IDLE_TIMEOUT (--session-idle-timeout): ", "REQUEST_BUDGET (--request-budget): ", "OPT_OUT (--opt-out): "}},
		{"Sentinels without the name of a primary", []string{"REDIS_URL=redis+sentinel://user:S3cr3t@a:1,b:2"}, []string{"REDIS_URL (--redis-url): "}},
		{"a parameter that a Cluster does not have", []string{"REDIS_URL=redis+cluster://user:S3cr3t@a:1,b:2?db=S3cr3t"}, []string{"REDIS_URL (--redis-url): "}},
		{"a negative number of Redis replicas", []string{"REDIS_WAIT_REPLICAS=-1"}, []string{"REDIS_WAIT_REPLICAS (--redis-wait-replicas): "}},
		{"a secret in a file that does not exist", []string{"TWILIO_AUTH_TOKEN=", "TWILIO_AUTH_TOKEN_FILE=S3cr3t"},
			[]string{"TWILIO_AUTH_TOKEN_FILE (--twilio-auth-token-file): "}},
	}
	for _, row := range rows {
		for _, command := range []string{"serve", "config"} {
			t.Run(command+": "+row.name, func(t *testing.T) {
				r := execute(t, []string{command}, serviceSettings(redis, row.settings...)...)
				lines := strings.Split(r.stderr, "\n")
				for _, want := range row.want {
					if !slices.ContainsFunc(lines,
						func(line string) bool { return strings.HasPrefix(line, "smsession: "+want) }) {
						t.Errorf("there is no line for %s", want)
					}
				}
				if r.status != 2 || len(lines) < len(row.want) || r.stdout != "" {
					t.Errorf("exit status %d, printed %q", r.status, r.stdout)
				}
				if t.Failed() || strings.Contains(strings.ToLower(r.stderr), "s3cr3t") {
					t.Errorf("the faults: %s", r.stderr)
				}
			})
		}
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String()+" ends the service with status 0", func(t *testing.T) {
			r := startReplica(t, server.URL(), "DRAIN_DELAY=10ms")
			r.signal(s)
			if status := r.wait(); status != 0 {
				t.Errorf("exit status %d:\n%s", status, r.stderr())
			}
			if printed := sentences(r.stderr()); len(printed) > 0 {
				t.Errorf("it prints %q", printed)
			}
		})
	}
	t.Run("a signal ends the service with status 0 while Redis is away", func(t *testing.T) {
		away := redistest.Start(t, redistest.Options{})
		away.Kill()
		r := launch(t, []string{"serve"}, serviceSettings(away.URL())...)
		r.signal(syscall.SIGTERM)
		if status := r.wait(); status != 0 {
			t.Errorf("exit status %d:\n%s", status, r.stderr())
		}
	})
	t.Run("a second signal ends the process at once", func(t *testing.T) {
		r := startReplica(t, server.URL(), "DRAIN_DELAY=5m")
		r.signal(syscall.SIGTERM)
		r.waitFor("draining", http.StatusServiceUnavailable)
		// The handler of the first signal is removed a moment later. Until then, more signals have no effect.
		webhooktest.Wait(t, "the end of the process", func() bool {
			r.signal(syscall.SIGTERM)
			select {
			case <-r.exited:
				return true
			default:
				return false
			}
		})
		if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
			t.Errorf("it ended with %v, want the signal", r.cmd.ProcessState)
		}
	})
}

// TestClosedLog closes the reader of the log. Without a precaution, the next line would end the process with SIGPIPE.
func TestClosedLog(t *testing.T) {
	r := startReplica(t, redistest.Start(t, redistest.Options{}).URL())
	r.stderrPipe.Close()
	s := newSender(t)
	for n := 1; n <= 3; n++ {
		if got := s.deliver(r.url, "/sms", webhooktest.NewSID(), ""); got.Text() != webhooktest.Greeting(n) {
			t.Fatalf("message %d gets %q", n, got.Text())
		}
	}
	r.signal(syscall.SIGTERM) // the process writes its last lines before it exits
	if status := r.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestConfigPrintsWarnings compares the warnings of config with those that serve logs.
func TestConfigPrintsWarnings(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--maxmemory-policy", "allkeys-lru"}})
	settings := serviceSettings(server.URL(), "PUBLIC_URL=https://sms.example.com/sms", "TWILIO_AUTH_TOKEN=S3cr3t",
		"MAX_CONNECTIONS=1000000", "APP_SECRET=whsec_"+strings.Repeat("x", 32))
	r := execute(t, []string{"config"}, settings...)
	if r.status != 0 || !strings.Contains(r.stdout, "PUBLIC_URL              https://sms.example.com/sms\n") {
		t.Errorf("exit status %d, %q, printed:\n%s", r.status, r.stderr, r.stdout)
	}
	for _, want := range []string{"PUBLIC_URL ends in /sms: ", "TWILIO_AUTH_TOKEN: token 1 of 1 is shorter ",
		"APP_SECRET has no effect", "MAX_CONNECTIONS is lowered from 1000000 to ", "Redis may evict sessions ",
		"Redis loses every session "} {
		if !strings.Contains(r.stderr, "smsession: warning: "+want) {
			t.Errorf("there is no warning %q in\n%s", want, r.stderr)
		}
	}
	serve := start(t, []string{"serve"}, settings...)
	for line := range strings.Lines(r.stderr + "\n") {
		text, _ := strings.CutPrefix(strings.TrimSpace(line), "smsession: warning: ")
		serve.waitForLog(`"level":"WARN","msg":"`+text, 1)
	}
	serve.signal(syscall.SIGTERM)
	serve.wait()
	if n := strings.Count(serve.stderr(), `"level":"WARN"`); n != strings.Count(r.stderr, "warning: ") {
		t.Errorf("serve gives %d warnings:\n%s\nconfig gives\n%s", n, serve.stderr(), r.stderr)
	}
}

func TestConfigWithoutRedis(t *testing.T) {
	r := execute(t, []string{"config"}, serviceSettings("", "REDIS_URL=redis://:S3cr3t@127.0.0.1:1")...)
	if r.status != 0 || !strings.HasPrefix(r.stderr, "smsession: warning: Redis cannot be used: ") ||
		strings.Contains(r.stdout+r.stderr, "S3cr3t") || strings.Count(r.stderr, "\n") > 0 {
		t.Errorf("%+v", r)
	}
}

func TestHelpVersionAndConfig(t *testing.T) {
	secrets := []string{"ADDR=127.0.0.1:1234", "REDIS_URL=redis://app:S3cr3t@127.0.0.1:1/2", "TWILIO_AUTH_TOKEN=S3cr3t10123456789abcdef0123456789,S3cr3t20123456789abcdef0123456789"}
	rows := []struct {
		name string
		args []string
		want []string
	}{
		{"help has examples", []string{"--help"}, []string{"Usage: smsession <command>", "Examples:", "smsession dev"}},
		{"the help of a command has its settings", []string{"serve", "--help"}, []string{"--redis-url", "$REDIS_URL", "default 10s", "The exit status is 1"}},
		{"the help of dev has its page and its file", []string{"dev", "--help"}, []string{"page with phones", "smsession/dev.json", "The exit status is 1"}},
		{"the help of webhook says which account it uses", []string{"webhook", "show", "--help"}, []string{"that has the number", "The exit status is 1"}},
		{"the version is one line", []string{"version"}, []string{"smsession "}},
		{"the settings are printed with the secrets masked", []string{"config", "--public-url=https://sms.example.com/in/"},
			[]string{"ADDR                    127.0.0.1:1234\n", "PUBLIC_URL              https://sms.example.com/in\n",
				"redis://app:•••@127.0.0.1:1/2\n", "SESSION_IDLE_TIMEOUT    4h\n", "REQUEST_BUDGET          10s\n"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := execute(t, row.args, serviceSettings("", secrets...)...)
			for _, want := range row.want {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("no %q in:\n%s", want, r.stdout)
				}
			}
			isWarned := strings.HasPrefix(r.stderr, "smsession: warning: Redis cannot be used: ")
			if r.status != 0 || r.stderr != "" && !isWarned || strings.Contains(r.stdout+r.stderr, "S3cr3t") {
				t.Errorf("exit status %d, %q, printed:\n%s", r.status, r.stderr, r.stdout)
			}
		})
	}
}
