package systemtest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// narrow returns arguments of redis-server for a user with only the documented rights: the keys of the service, the
// commands of serve, and more commands for other topologies.
func narrow(more ...string) []string {
	user := "--user app on >pass/word resetkeys ~sms:* resetchannels -@all " +
		"+get +set +del +type +eval +evalsha +rename +strlen +pexpire +getrange +setrange +getex"
	return append(strings.Fields(user), more...)
}

// narrowLogin is the login of that user in a URL.
const narrowLogin = "app:pass%2Fword@"

// TestNarrowUser checks the promises over TLS with a client certificate, with a Redis user who has only the documented
// rights. It also shows that the user has no other rights.
func TestNarrowUser(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true, Args: narrow(),
		Password: "operator"})
	f := &fleet{tb: t, sessions: "sms:session:*",
		redis: redistest.Conn(t, server.Addr(), redis.DialUseTLS(true), redis.DialTLSConfig(server.ClientTLS()),
			redis.DialPassword("operator"))}
	for range fleetSize {
		f.replicas = append(f.replicas, startReplica(t, narrowURL(server)))
	}
	checkPromises(t, f)
	for kind, spoil := range map[string][]any{
		"string":     {"SET", "?", "not a record"},
		"hash":       {"HSET", "?", "a", "b"},
		"list":       {"RPUSH", "?", "a"},
		"set":        {"SADD", "?", "a"},
		"sorted set": {"ZADD", "?", 1, "a"},
		"stream":     {"XADD", "?", "*", "a", "b"},
	} {
		t.Run("a record that is a "+kind+" is moved to quarantine", func(t *testing.T) {
			report(t, quarantined(f, spoil))
		})
	}
	for _, r := range f.replicas {
		if log := r.stderr(); strings.Contains(log, "NOPERM") {
			t.Errorf("the service needs more rights:\n%s", log)
		}
	}
	for command, want := range map[string]string{"GET other": "NOPERM", "SCAN 0": "NOPERM", "FLUSHALL": "NOPERM",
		"GET sms:x": ""} {
		args := append([]string{"--user", "app", "--pass", "pass/word", "--no-auth-warning"},
			strings.Fields(command)...)
		if got := server.CLI(args...); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// quarantined replaces a record. The conversation must start over, and the other value must be kept.
func quarantined(f *fleet, spoil []any) []string {
	s := newSender(f.tb)
	begun := s.deliver(f.next(), "/sms", webhooktest.NewSID(), "")
	spoil[1] = "sms:session:" + f.pointer(s)
	if _, err := f.redis.Do("DEL", spoil[1]); err != nil {
		return []string{err.Error()}
	}
	if _, err := f.redis.Do(spoil[0].(string), spoil[1:]...); err != nil {
		return []string{err.Error()}
	}
	before := len(f.keys("sms:quarantine:*"))
	violations := checkCounts([]reply{s.deliver(f.next(), "/sms", webhooktest.NewSID(), begun.Cookie)}, 1, 1)
	if len(f.keys("sms:quarantine:*")) != before+1 {
		violations = append(violations, "the record is not in quarantine")
	}
	return violations
}

// TestStartFailsWithTLS tests the mistakes that operators are most likely to make.
func TestStartFailsWithTLS(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true, Args: narrow()})
	right := narrowURL(server)
	for _, row := range []struct {
		name, url, log string
		wait           int
		status         int
	}{
		{"a wrong password", strings.Replace(right, "word@", "wrong@", 1), "WRONGPASS", 0, 1},
		{"an unknown authority", strings.Replace(right, "ca_file="+url.QueryEscape(server.PEMFile())+"&", "", 1), "certificate", 0, 1},
		{"a file that does not exist", strings.Replace(right, "ca_file=", "ca_file=%2Fmissing", 1), "the ca_file cannot be read: no such file", 0, 2},
		{"another server's name", right + "&server_name=redis.example.com", "certificate is valid for", 0, 1},
		{"a database that the user may not select", strings.Replace(right, "?", "/1?", 1), "NOPERM", 0, 1},
		{"replicas that the user may not wait for", right, "NOPERM", 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := execute(t, []string{"serve"}, serviceSettings(row.url,
				fmt.Sprint("REDIS_WAIT_REPLICAS=", row.wait))...)
			if status := r.status; status != row.status || !strings.Contains(r.stderr, row.log) {
				t.Errorf("the exit status is %d, want %d, and the log should say %q:\n%s", status, row.status, row.log,
					r.stderr)
			}
			if strings.Contains(r.stderr, "pass/word") || strings.Contains(r.stderr, "wrong") {
				t.Errorf("the log quotes a password:\n%s", r.stderr)
			}
		})
	}
}

func narrowURL(s *redistest.Server) string {
	pem := s.PEMFile()
	files := url.Values{"ca_file": {pem}, "cert_file": {pem}, "key_file": {pem}}
	return "rediss://" + narrowLogin + s.Addr() + "?" + files.Encode()
}
