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

// verify returns what systemd prints about a unit file and its drop-ins. The exit status is not enough, because a
// misspelt key is only a warning.
func verify(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

// unitFile writes a unit that runs this program, because systemd checks that the program exists.
func unitFile(t *testing.T, text string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "smsession@.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/smsession", binary)),
		0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdUnit(t *testing.T) {
	unit := shipped(t, "deploy/systemd/smsession@.service")
	if printed := verify(t, unitFile(t, unit)); printed != "" {
		t.Errorf("systemd prints:\n%s", printed)
	}
	if printed := verify(t, unitFile(t, strings.Replace(unit, "RestartSec=", "RestartSecs=", 1))); !strings.Contains(
		printed, "RestartSecs") {
		t.Errorf("for a misspelt key, systemd prints %q", printed)
	}
	// 20 of 100 is a small exposure. A unit without hardening has 96.
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20",
		unitFile(t, unit)).CombinedOutput()
	if err != nil {
		t.Errorf("systemd rates the unit as too exposed: %v\n%s", err, out)
	}
	settings := found(t, shipped(t, "deploy/systemd/smsession.env"), `(?m)^#?([A-Z_]+=.*)$`)
	accepted(t, append(settings, "TWILIO_AUTH_TOKEN="+webhooktest.AuthToken, "REDIS_URL=redis://localhost",
		"ADDR=127.0.0.1:8081", "ADMIN_ADDR=127.0.0.1:18081"))
}

func TestSystemdDropIns(t *testing.T) {
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
			if printed := verify(t, unit); printed != "" {
				t.Errorf("systemd prints:\n%s", printed)
			}
		})
	}
}

// TestSystemdRestartsAfterFailover compares the drop-in with the documented time-outs. A failover needs the time
// to detect the failure and to elect the new primary. A failed election is repeated after twice its time-out.
func TestSystemdRestartsAfterFailover(t *testing.T) {
	guide := shipped(t, "deploy/README.md")
	milliseconds := func(setting string) time.Duration {
		d, err := time.ParseDuration(found(t, guide, setting+` \w+ (\d+)`)[0] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	failover := milliseconds("sentinel down-after-milliseconds") + 2*milliseconds("sentinel failover-timeout")
	if restart := seconds(t, shipped(t, "deploy/systemd/redis-sentinel.conf"),
		`RestartSec=(\w+)`); restart < 2*failover {
		t.Errorf("systemd restarts Redis after %v, and a failover may take %v", restart, failover)
	}
}
