package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
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

	stderrPipe io.Closer

	mu       sync.Mutex
	stdout   strings.Builder
	stderr   []string
	requests []string       // the latest of the log's lines about requests
	results  map[string]int // how many of those had which result
}

// lastRequests is how many lines about requests a replica keeps for a failure: a test may well send a hundred thousand.
const lastRequests = 100

// startReplica starts `smsession serve` on free ports and waits until it is ready. The settings are NAME=value, over
// those that the suite usually has.
func startReplica(tb testing.TB, redisURL string, settings ...string) *replica {
	tb.Helper()
	r := launch(tb, "smsession", []string{"serve"}, serviceSettings(redisURL, settings...))
	r.waitReady()
	return r
}

// serviceSettings are those that the suite usually has, and others over them.
func serviceSettings(redisURL string, settings ...string) []string {
	return append([]string{
		"PUBLIC_URL=" + testPublicURL, "TWILIO_AUTH_TOKEN=" + testToken, "REDIS_URL=" + redisURL,
		"ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DRAIN_DELAY=0s",
	}, settings...)
}

// launch starts the test binary in a role and waits for the log line that names its address.
func launch(tb testing.TB, role string, args, settings []string) *replica {
	tb.Helper()
	r := start(tb, role, args, settings)
	r.waitListening()
	return r
}

// waitListening waits for the log line that names the address.
func (r *replica) waitListening() {
	r.tb.Helper()
	select {
	case <-r.listening:
	case <-r.exited:
		r.tb.Fatalf("it did not start:\n%s", r.log())
	case <-time.After(20 * time.Second):
		r.tb.Fatalf("it does not listen:\n%s", r.log())
	}
}

// execute runs the program with a command line to its end. It has no environment but the settings.
func execute(tb testing.TB, args []string, settings ...string) *replica {
	tb.Helper()
	r := start(tb, "smsession", args, settings)
	r.wait()
	return r
}

// start starts the test binary in a role. It has no environment but the settings, and it is killed when the test ends.
func start(tb testing.TB, role string, args, settings []string) *replica {
	tb.Helper()
	return startProgram(tb, os.Args[0], role, args, settings)
}

// startProgram is start for any program.
func startProgram(tb testing.TB, program, role string, args, settings []string) *replica {
	tb.Helper()
	r := &replica{tb: tb, exited: make(chan struct{}), listening: make(chan struct{}), results: map[string]int{}}
	r.cmd = exec.Command(program, args...)
	// A process under the race detector waits for a second before it ends, in case another thread has found a race.
	r.cmd.Env = append([]string{roleVariable + "=" + role, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=20"}, settings...)
	r.cmd.SysProcAttr = childAttributes()
	r.cmd.Stdout = r
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	r.stderrPipe = stderr
	go r.read(stderr)
	tb.Cleanup(r.end)
	return r
}

// read takes the addresses from the log and keeps it for a failure.
func (r *replica) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(`"msg":"request"`)) {
			r.noteRequest(lines.Text())
			continue
		}
		var line struct{ Msg, Addr string }
		_ = json.Unmarshal(lines.Bytes(), &line)
		r.mu.Lock()
		r.stderr = append(r.stderr, lines.Text())
		switch line.Msg {
		case "listening":
			r.url = "http://" + line.Addr
			close(r.listening)
		case "listening for the operator":
			r.admin = "http://" + line.Addr
		}
		r.mu.Unlock()
	}
	_ = r.cmd.Wait()
	close(r.exited)
}

func (r *replica) noteRequest(line string) {
	_, after, _ := strings.Cut(line, `"result":"`)
	result, _, _ := strings.Cut(after, `"`)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[result]++
	r.requests = append(r.requests, line)
	if len(r.requests) >= 2*lastRequests {
		r.requests = slices.Clone(r.requests[lastRequests:])
	}
}

// Write collects what the process prints.
func (r *replica) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stdout.Write(b)
}

// printed is what the process has printed to its standard output.
func (r *replica) printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stdout.String()
}

// log is what the process has written to its standard error, all but the latest requests left out.
func (r *replica) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(slices.Concat(r.stderr, r.requests), "\n")
}

// answered is how many requests had a result, as the log tells it.
func (r *replica) answered(result string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[result]
}

// operator is the URL of the private listener. The log names it after the public one.
func (r *replica) operator() string {
	r.tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		admin := r.admin
		r.mu.Unlock()
		if admin != "" {
			return admin
		}
	}
	r.tb.Fatalf("there is no private listener:\n%s", r.log())
	return ""
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

// end is what comes after the test: the process has ended, and nothing in its log is a bug.
func (r *replica) end() {
	r.kill()
	if text := r.log(); strings.Contains(text, "DATA RACE") || strings.Contains(text, `"msg":"panic"`) {
		r.tb.Errorf("the process has a bug:\n%s", text)
	}
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
