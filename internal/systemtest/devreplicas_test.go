package systemtest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/webhooktest"
)

// replicasState is the part of /dev/state about the replicas.
type replicasState struct {
	Redis    string
	Replicas []replicaState
	Phones   []struct {
		Entries []struct {
			Kind    string
			Outcome struct{ Replica int }
		}
	}
}

type replicaState struct {
	State    string
	Answered int
}

func (d *devProcess) replicas() (state replicasState) {
	d.tb.Helper()
	res, err := http.Get(d.url + "/dev/state")
	if err != nil {
		d.tb.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		d.tb.Fatal(err)
	}
	return state
}

// answered returns how many messages the replicas have answered.
func (s replicasState) answered() (sum int) {
	for _, r := range s.Replicas {
		sum += r.Answered
	}
	return sum
}

// disturb presses a button of the page.
func (d *devProcess) disturb(path, body string) {
	d.tb.Helper()
	res, err := http.Post(d.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.tb.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		d.tb.Errorf("%s %s is answered %d", path, body, res.StatusCode)
	}
}

// TestDevReplicas kills replicas and restarts Redis while messages arrive. Each message must count once.
func TestDevReplicas(t *testing.T) {
	d := startDevArgs(t, []string{"--replicas=3"}, "PORT=0")
	if d.lines("curl"); !strings.Contains(d.stdout(), "3 replicas take turns.") {
		t.Errorf("the guide does not mention the replicas:\n%s", d.stdout())
	}
	load := make(chan result, 1)
	go func() {
		load <- execute(t, []string{"load", "--json", "--messages=1500", "--rate=300", "--conversations=50",
			"--expect=count"}, "XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(d.path)))
	}()
	for i, disturbance := range []struct{ path, body string }{
		{"/dev/kill", `{"replica":1}`}, {"/dev/redis", `{"do":"restart"}`}, {"/dev/kill", `{"replica":2}`},
	} {
		webhooktest.Wait(t, "messages", func() bool {
			s := d.replicas()
			return s.Redis == "up" && s.answered() > 300*(i+1)
		})
		d.disturb(disturbance.path, disturbance.body)
	}
	r := webhooktest.Receive(t, "the end of the load", load)
	var report loadReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v: %s\n%s", err, r.stdout, r.stderr)
	}
	if !report.Proof.Holds || report.Proof.Counted != 1500 {
		t.Errorf("the proof is %+v", report.Proof)
	}
	for _, e := range report.Errors {
		if !strings.Contains(e.Example, "502") {
			t.Errorf("there is an error that no killed replica explains: %+v", e)
		}
	}
	webhooktest.Wait(t, "the replicas to start again", func() bool {
		return !slices.ContainsFunc(d.replicas().Replicas, func(r replicaState) bool { return r.State != "up" })
	})
	seen := map[int]bool{}
	for _, p := range d.replicas().Phones {
		for _, e := range p.Entries {
			seen[e.Outcome.Replica] = seen[e.Outcome.Replica] || e.Kind == "elsewhere"
		}
	}
	if !seen[1] || !seen[2] || !seen[3] {
		t.Errorf("of the messages of the load, the page shows only the replicas %v", seen)
	}
	for _, addr := range listeningAddrs(t, d.cmd.Process.Pid, 1+3*3+1) {
		if !addr.IP.IsLoopback() {
			t.Errorf("it listens on %s", addr)
		}
	}
	if n := strings.Count(d.goroutines(), "startCleanup("); n != 1 {
		t.Errorf("after two replicas were killed, %d goroutines clean up the memory of scs", n)
	}
}

// goroutines returns the stacks of all goroutines, as the replica that has started last shows them.
func (d *devProcess) goroutines() string {
	d.tb.Helper()
	all := regexp.MustCompile(`private listener","replica":\d,"addr":"([^"]+)"`).FindAllStringSubmatch(d.stderr(), -1)
	if len(all) == 0 {
		d.tb.Fatalf("there is no private listener:\n%s", d.stderr())
	}
	res, err := http.Get("http://" + all[len(all)-1][1] + "/debug/pprof/goroutine?debug=2")
	if err != nil {
		d.tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.tb.Fatal(err)
	}
	return string(text)
}

// TestDevReplicasData ends dev while Redis is being restarted. The last message must be in the file.
func TestDevReplicasData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.json")
	for _, outage := range []string{"restart", "pause"} {
		d := startDevArgs(t, []string{"--replicas=2", "--data=" + file}, "PORT=0")
		d.disturb("/dev/act", `{"phone":"1","kind":"text","body":"before the `+outage+`"}`)
		d.disturb("/dev/redis", `{"do":"`+outage+`"}`)
		d.signal(syscall.SIGTERM)
		if status := d.wait(); status != 0 {
			t.Errorf("after the %s, the exit status is %d:\n%s", outage, status, d.stderr())
		}
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "before the "+outage) {
			t.Errorf("the file has lost the message, %v", err)
		}
	}
}

func TestDevReplicasFlag(t *testing.T) {
	for args, want := range map[string]string{
		"--replicas=0":  "--replicas must be between 1 and 9",
		"--replicas=10": "--replicas must be between 1 and 9",
		"--replicas=2 --admin-addr=127.0.0.1:9000": "leave it out with --replicas",
	} {
		r := execute(t, append([]string{"dev"}, strings.Fields(args)...))
		if r.status != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit status %d, %q", args, r.status, r.stderr)
		}
	}
}
