package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verify is what systemd says against a unit file and its drop-ins. It takes a misspelt key for a mere remark, so the exit
// status alone proves nothing.
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
		t.Errorf("systemd says:\n%s", said)
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
	accepted(t, append(settings, "TWILIO_AUTH_TOKEN="+testToken, "REDIS_URL=redis://localhost", "ADDR=127.0.0.1:8081", "ADMIN_ADDR=127.0.0.1:18081"))
}

func TestSystemdTakesTheDropInForCaddy(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"caddy.service":                  "[Service]\nExecStart=/bin/true\n",
		"caddy.service.d/smsession.conf": shipped(t, "deploy/systemd/caddy.conf"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := verify(t, filepath.Join(dir, "caddy.service")); said != "" {
		t.Errorf("systemd says:\n%s", said)
	}
}
