package systemtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// startDevWith starts a `smsession dev` with a data file. The public URL does not change with the port, so neither do
// the signatures of the guide's lines.
func startDevWith(t *testing.T, path string, args ...string) *devProcess {
	t.Helper()
	return startDevArgs(t, append(args, "--data", path), "PORT=0", "ADMIN_ADDR=", "PUBLIC_URL=https://sms.example.com")
}

// text sends a message with the first phone of the page, and returns the reply.
func (d *devProcess) text(body string) string {
	d.tb.Helper()
	status, answer := browse(d.tb, "POST", d.url+"/dev/act", `{"phone":"1","kind":"text","body":"`+body+`"}`)
	var sent struct {
		Entries []struct {
			Outcome struct{ Replies []struct{ Body string } }
		}
	}
	if err := json.Unmarshal([]byte(answer), &sent); err != nil || status != 200 ||
		len(sent.Entries) != 1 || len(sent.Entries[0].Outcome.Replies) != 1 {
		d.tb.Fatalf("%s gets %d %s", body, status, answer)
	}
	return sent.Entries[0].Outcome.Replies[0].Body
}

// texts returns what the persons have sent, as the page shows it.
func (d *devProcess) texts() (all []string) {
	d.tb.Helper()
	_, answer := browse(d.tb, "GET", d.url+"/dev/state", "")
	var state struct {
		Phones []struct {
			Entries []struct{ Message struct{ Body string } }
		}
	}
	if err := json.Unmarshal([]byte(answer), &state); err != nil {
		d.tb.Fatal(err)
	}
	for _, phone := range state.Phones {
		for _, e := range phone.Entries {
			all = append(all, e.Message.Body)
		}
	}
	return all
}

func TestDevData(t *testing.T) {
	for _, row := range []struct {
		name   string
		signal syscall.Signal
		args   []string
	}{
		{"a dev that ends keeps its data", syscall.SIGTERM, nil},
		{"a dev that is killed has kept its data", syscall.SIGKILL, nil},
		{"a dev with several replicas keeps its data", syscall.SIGTERM, []string{"--replicas", "3"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data.json")
			d := startDevWith(t, path, row.args...)
			line := d.lines("curl")[0]
			if !strings.Contains(d.stdout(), "Sessions, phones and texts are kept in\n"+path+".") ||
				strings.Contains(d.stdout(), "is lost") || strings.Contains(d.stdout(), "new each time") {
				t.Errorf("the guide is\n%s", d.stdout())
			}
			first := d.message(line)
			if got := d.text("The second one"); got != webhooktest.Greeting(2) {
				t.Errorf("the second message gets %q", got)
			}
			d.checkTypes(t)
			// The page and Redis are written together, within a second.
			if row.signal == syscall.SIGKILL {
				webhooktest.Wait(t, "the second message to be in the file", func() bool {
					text, err := os.ReadFile(path)
					return err == nil && strings.Contains(string(text), webhooktest.Greeting(2))
				})
			}
			d.signal(row.signal)
			d.wait()
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("the file is %v, %v", info, err)
			}

			next := startDevWith(t, path, row.args...)
			if next.file.AuthToken != d.file.AuthToken || next.file.AccountSID != d.file.AccountSID {
				t.Error("the auth token or the account SID is another one")
			}
			if got := next.text("The third one"); got != webhooktest.Greeting(3) {
				t.Errorf("the third message gets %q", got)
			}
			if got := strings.Join(next.texts(), ", "); got != "Hello, The second one, The third one" {
				t.Errorf("the page shows %s", got)
			}
			if again := next.message(strings.Replace(line, d.url, next.url, 1)); again.Body != first.Body {
				t.Errorf("a line from before the restart gets %q, and got %q", again.Body, first.Body)
			}
		})
	}
}

// checkTypes checks that every key of the service is a string. Nothing else is kept.
func (d *devProcess) checkTypes(t *testing.T) {
	t.Helper()
	conn := redistest.Conn(t, strings.TrimPrefix(d.file.Redis, "redis://"))
	keys, err := redis.Strings(conn.Do("KEYS", "*"))
	if err != nil || len(keys) < 2 {
		t.Fatalf("the keys are %q, %v", keys, err)
	}
	for _, key := range keys {
		if kind, err := redis.String(conn.Do("TYPE", key)); err != nil || kind != "string" {
			t.Errorf("the key %s is a %s, %v", key, kind, err)
		}
	}
}

func TestDevDataFaults(t *testing.T) {
	dir := t.TempDir()
	foreign, missing := filepath.Join(dir, "bashrc"), filepath.Join(dir, "missing", "data.json")
	if err := os.WriteFile(foreign, []byte("export PATH=/bin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(dir, "held.json")
	startDevWith(t, held)
	for path, want := range map[string]string{
		foreign: "is not a data file of this version of smsession dev: choose another file",
		missing: "no such file or directory",
		held:    "another smsession dev uses it: choose another file",
	} {
		r := execute(t, []string{"dev", "--data", path}, "PORT=0", "ADMIN_ADDR=", "XDG_RUNTIME_DIR="+t.TempDir())
		if r.status != 1 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, path) || r.stdout != "" {
			t.Errorf("with %s, the exit status is %d:\n%s%s", path, r.status, r.stdout, r.stderr)
		}
	}
	if text, err := os.ReadFile(foreign); err != nil || string(text) != "export PATH=/bin\n" {
		t.Errorf("the foreign file is now %q, %v", text, err)
	}
}
