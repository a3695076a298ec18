package systemtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smsession/internal/webhooktest"
)

// verify is what systemd says against a unit file and its drop-ins. It takes a misspelt key for a mere remark, so the
// exit status alone proves nothing.
func verify(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

// unitFile writes a unit whose program is this one: systemd looks whether it is there.
func unitFile(t *testing.T, text string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "smsession@.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/smsession", binary)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdTakesTheUnit(t *testing.T) {
	unit := shipped(t, "deploy/systemd/smsession@.service")
	if said := verify(t, unitFile(t, unit)); said != "" {
		t.Errorf("systemd printed:\n%s", said)
	}
	if said := verify(t, unitFile(t, strings.Replace(unit, "RestartSec=", "RestartSecs=", 1))); !strings.Contains(said, "RestartSecs") {
		t.Errorf("of a misspelt key systemd says %q", said)
	}
	// 20 of 100 is a tenth of what a unit without any of its hardening gets.
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", unitFile(t, unit)).CombinedOutput()
	if err != nil {
		t.Errorf("systemd finds it too exposed: %v\n%s", err, out)
	}
	settings := found(t, shipped(t, "deploy/systemd/smsession.env"), `(?m)^#?([A-Z_]+=.*)$`)
	accepted(t, append(settings, "TWILIO_AUTH_TOKEN="+webhooktest.AuthToken, "REDIS_URL=redis://localhost", "ADDR=127.0.0.1:8081", "ADMIN_ADDR=127.0.0.1:18081"))
}

func TestSystemdAcceptsTheDropIns(t *testing.T) {
	for service, dropIn := range map[string]string{"caddy": "caddy.conf", "redis-server": "redis-sentinel.conf"} {
		t.Run(dropIn, func(t *testing.T) {
			dir := t.TempDir()
			unit := filepath.Join(dir, service+".service")
			if err := os.Mkdir(unit+".d", 0o700); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{
				unit:                       "[Service]\nExecStart=/bin/true\n",
				unit + ".d/smsession.conf": shipped(t, "deploy/systemd/"+dropIn),
			} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if said := verify(t, unit); said != "" {
				t.Errorf("systemd printed:\n%s", said)
			}
		})
	}
}

// TestRedisUnderSentinelsRestartsAfterAFailover compares the drop-in with the time-outs in the README. A failover takes
// the time to detect the failure and the election. A failed election is repeated after twice its time-out.
func TestRedisUnderSentinelsRestartsAfterAFailover(t *testing.T) {
	guide := shipped(t, "deploy/README.md")
	milliseconds := func(setting string) time.Duration {
		d, err := time.ParseDuration(found(t, guide, setting+` \w+ (\d+)`)[0] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	failover := milliseconds("sentinel down-after-milliseconds") + 2*milliseconds("sentinel failover-timeout")
	if restart := seconds(t, shipped(t, "deploy/systemd/redis-sentinel.conf"), `RestartSec=(\w+)`); restart < 2*failover {
		t.Errorf("Redis is started again after %v, and a failover may take %v", restart, failover)
	}
}
