package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	testToken     = "12345" // the token of Twilio's published examples
	testPublicURL = "https://sms.example.com"
)

// replica is one process of the program, or of one it is compared with.
type replica struct {
	tb        testing.TB
	cmd       *exec.Cmd
	url       string // of the public listener
	admin     string // of the private one
	exited    chan struct{}
	listening chan struct{}

	mu     sync.Mutex
	stderr []string
}

// startReplica starts `smsession serve` on free ports and waits until it is ready. The settings are NAME=value, over
// those that the suite usually has.
func startReplica(tb testing.TB, redisURL string, settings ...string) *replica {
	tb.Helper()
	r := launch(tb, "smsession", []string{"serve"}, append([]string{
		"PUBLIC_URL=" + testPublicURL, "TWILIO_AUTH_TOKEN=" + testToken, "REDIS_URL=" + redisURL,
		"ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DRAIN_DELAY=0s",
	}, settings...))
	r.waitReady()
	return r
}

// launch starts the test binary in a role and waits for the log line that names its address.
func launch(tb testing.TB, role string, args, settings []string) *replica {
	tb.Helper()
	r := &replica{tb: tb, exited: make(chan struct{}), listening: make(chan struct{})}
	r.cmd = exec.Command(os.Args[0], args...)
	r.cmd.Env = append([]string{roleVariable + "=" + role, "PATH=" + os.Getenv("PATH")}, settings...)
	r.cmd.SysProcAttr = childAttributes()
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go r.read(stderr)
	tb.Cleanup(r.kill)
	select {
	case <-r.listening:
	case <-r.exited:
		tb.Fatalf("%s did not start:\n%s", role, r.log())
	case <-time.After(20 * time.Second):
		tb.Fatalf("%s does not listen:\n%s", role, r.log())
	}
	return r
}

// read takes the addresses from the log and keeps it for a failure.
func (r *replica) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		var line struct{ Msg, Addr string }
		_ = json.Unmarshal(lines.Bytes(), &line)
		r.mu.Lock()
		r.stderr = append(r.stderr, lines.Text())
		switch line.Msg {
		case "listening":
			r.url = "http://" + line.Addr
		case "listening for the operator":
			r.admin = "http://" + line.Addr
		}
		r.mu.Unlock()
		if line.Msg == "listening" {
			close(r.listening)
		}
	}
	_ = r.cmd.Wait()
	close(r.exited)
}

func (r *replica) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.stderr, "\n")
}

func (r *replica) waitReady() {
	r.tb.Helper()
	r.waitFor("ready", http.StatusOK)
}

// waitFor waits until /readyz says a word with a status.
func (r *replica) waitFor(word string, status int) {
	r.tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		res, err := http.Get(r.url + "/readyz")
		if err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == status && strings.TrimSpace(string(body)) == word {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.tb.Fatalf("the replica never said %q:\n%s", word, r.log())
}

func (r *replica) signal(s os.Signal) { _ = r.cmd.Process.Signal(s) }

// kill ends the process at once, as a crash does.
func (r *replica) kill() {
	r.signal(syscall.SIGKILL)
	<-r.exited
}

// wait returns the exit status.
func (r *replica) wait() int {
	r.tb.Helper()
	select {
	case <-r.exited:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		r.tb.Fatalf("the replica does not end:\n%s", r.log())
		return -1
	}
}
