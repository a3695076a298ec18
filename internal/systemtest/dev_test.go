package systemtest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/devservice"
	"smsession/internal/webhooktest"
)

// devProcess is a `smsession dev` with its own runtime directory.
type devProcess struct {
	*replica
	file devservice.Service // the content of its file
	path string             // of the file
}

// startDev starts a `smsession dev` and reads its file. The log is in JSON, because the tests read the addresses in it.
func startDev(tb testing.TB, settings ...string) *devProcess {
	tb.Helper()
	return startDevArgs(tb, nil, settings...)
}

// startDevArgs is like startDev, but with arguments, too.
func startDevArgs(tb testing.TB, args []string, settings ...string) *devProcess {
	tb.Helper()
	runtime := tb.TempDir()
	d := &devProcess{path: filepath.Join(runtime, "smsession", "dev.json")}
	d.replica = launch(tb, append([]string{"dev"}, args...),
		append([]string{"LOG_FORMAT=json", "HOME=" + tb.TempDir(), "XDG_RUNTIME_DIR=" + runtime,
			"TMPDIR=" + tb.TempDir()}, settings...)...)
	d.waitReady()
	text, err := os.ReadFile(d.path)
	if err == nil {
		err = json.Unmarshal(text, &d.file)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// lines returns the lines of the guide that begin with a command. It waits until the guide is complete.
func (d *devProcess) lines(command string) []string {
	d.tb.Helper()
	webhooktest.Wait(d.tb, "the end of the guide", func() bool {
		return strings.Contains(d.stdout(), "Ctrl-C ends the service.")
	})
	var lines []string
	for line := range strings.Lines(d.stdout()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, command+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// paste runs a line in a shell.
func paste(tb testing.TB, line string) string {
	tb.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		tb.Errorf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// message runs one of the curl lines. Without curl, it sends the same request by itself.
func (d *devProcess) message(line string) reply {
	d.tb.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		return reply{Status: 200, Body: paste(d.tb, line)}
	}
	parts := strings.Split(line, "'")
	signature, form, url := strings.TrimPrefix(parts[3], "X-Twilio-Signature: "), parts[5], strings.TrimSpace(parts[6])
	request, err := http.NewRequest("POST", url, strings.NewReader(form))
	if err != nil {
		d.tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Twilio-Signature", signature)
	r, err := newSender(d.tb).Do(request)
	if err != nil {
		d.tb.Error(err)
	}
	return r
}

// occupy listens on an address, unless it is taken already.
func occupy(tb testing.TB, addr string) {
	tb.Helper()
	if l, err := net.Listen("tcp", addr); err == nil {
		tb.Cleanup(func() { l.Close() })
	}
}

// TestGuide follows the guide of `smsession dev` on a host where all its default ports are taken.
func TestGuide(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:6379", "127.0.0.1:8080", "127.0.0.1:9464"} {
		occupy(t, addr)
	}
	d := startDev(t)
	curls := d.lines("curl")
	if len(curls) != 3 {
		t.Fatalf("the guide has %d curl lines:\n%s", len(curls), d.stdout())
	}
	var replies []reply
	for _, line := range curls {
		replies = append(replies, d.message(line))
	}
	report(t, checkCounts(replies, 1, 3))
	for i, line := range curls {
		if again := d.message(line); again.Body != replies[i].Body {
			t.Errorf("line %d gets %q the second time, and %q the first time", i+1, again.Body, replies[i].Body)
		}
	}
	d.checkRedisLines(t)
	checkOwnLines(t, d.stdout(), "export XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(d.path)))
	if !strings.Contains(d.stdout(), "gets the same reply") {
		t.Error("the guide does not explain a repeated line")
	}
}

// checkRedisLines pastes the redis-cli lines of the guide after the three messages.
func (d *devProcess) checkRedisLines(t *testing.T) {
	t.Helper()
	clis := d.lines("redis-cli")
	if len(clis) != 3 {
		t.Fatalf("the guide has %d redis-cli lines:\n%s", len(clis), d.stdout())
	}
	if listed := paste(t, clis[0]); listed != "sms:conversation:"+devservice.To+":"+devservice.From {
		t.Errorf("%s: %s", clis[0], listed)
	}
	var record struct {
		Counter  int
		From, To string
	}
	text := paste(t, clis[1])
	if err := json.Unmarshal([]byte(text), &record); err != nil || record.Counter != 3 ||
		record.From != devservice.From || record.To != devservice.To {
		t.Errorf("%s: %s", clis[1], text)
	}
	if left, err := strconv.Atoi(paste(t, clis[2])); err != nil || left < 4*3600-600 || left > 4*3600 {
		t.Errorf("%s: %d seconds are left, want almost 4 hours", clis[2], left)
	}
}

func TestDevFile(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=127.0.0.1:0")
	for path, mode := range map[string]fs.FileMode{d.path: 0o600, filepath.Dir(d.path): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("the mode of %s is %v, want %v", filepath.Base(path), info.Mode(), mode)
		}
	}
	if d.file.URL != d.url || len(d.file.AuthToken) != 32 || d.file.PID != d.cmd.Process.Pid {
		t.Errorf("the file contains %+v, the service is at %s", d.file, d.url)
	}
	s := newSender(t)
	s.AuthToken, s.PublicURL = d.file.AuthToken, d.file.PublicURL
	report(t, checkCounts([]reply{s.deliver(d.file.URL, "/sms", webhooktest.NewSID(), "")}, 1, 1))
	if other := startDev(t, "PORT=0", "ADMIN_ADDR=127.0.0.1:0"); other.file.AuthToken == d.file.AuthToken {
		t.Error("two services have the same auth token")
	}
	d.signal(syscall.SIGTERM)
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d:\n%s", status, d.stderr())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(d.path), "*")); len(left) > 0 {
		t.Errorf("it left the files %s", left)
	}
}

func TestDevKeepsTheFileOfAnotherDev(t *testing.T) {
	earlier := startDev(t, "PORT=0", "ADMIN_ADDR=")
	later := launch(t, []string{"dev"}, "PORT=0", "ADMIN_ADDR=", "LOG_FORMAT=json",
		"XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(earlier.path)))
	later.waitReady()
	checkGuideWithoutFile(t, later)
	later.signal(syscall.SIGTERM)
	later.wait()
	if text, err := os.ReadFile(earlier.path); err != nil || !strings.Contains(string(text), earlier.url) {
		t.Errorf("the file of the first service is %s, %v", text, err)
	}
	if !strings.Contains(later.stderr(), earlier.url) {
		t.Errorf("the second service does not name the first one:\n%s", later.stderr())
	}
}

// checkGuideWithoutFile checks that the guide of a service without a file has what other commands need.
func checkGuideWithoutFile(t *testing.T, r *replica) {
	t.Helper()
	webhooktest.Wait(t, "the end of the guide", func() bool {
		return strings.Contains(r.stdout(), "Ctrl-C ends the service.")
	})
	exports := found(t, r.stdout(), `\n  (export .*)`)
	checkOwnLines(t, r.stdout(), strings.Join(exports, "; "))
}

// checkOwnLines pastes the lines of a guide that run this program, after a line that sets the environment. They need
// the path of the program, because PATH does not lead to it.
func checkOwnLines(t *testing.T, guide, environment string) {
	t.Helper()
	for _, test := range []struct{ command, prints string }{
		{"phone", "Hello, thanks for message number"}, {"ls", "0143"}, {"show", devservice.From + " to "},
	} {
		line := found(t, guide, `\n  (\S+ `+test.command+`\b.*)\n`)[0]
		if out := paste(t, environment+"; "+line); !strings.Contains(out, test.prints) {
			t.Errorf("%s prints:\n%s", line, out)
		}
	}
	if line := found(t, guide, `\n  (\S+ watch)\n`)[0]; paste(t, line+" --help") == "" {
		t.Errorf("%s --help prints nothing", line)
	}
}

func TestDevRunsWithoutASafeDirectory(t *testing.T) {
	runtime := t.TempDir()
	dir := filepath.Join(runtime, "smsession")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	r := launch(t, []string{"dev"}, "LOG_FORMAT=json", "PORT=0", "ADMIN_ADDR=", "XDG_RUNTIME_DIR="+runtime)
	r.waitReady()
	if !strings.Contains(r.stderr(), "is not private") {
		t.Errorf("the log is %s", r.stderr())
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it wrote %v to the directory", left)
	}
}

func TestDevListensOnLoopback(t *testing.T) {
	d := startDev(t, "PORT=0")
	addrs := []string{
		strings.TrimPrefix(d.url, "http://"),
		strings.TrimPrefix(d.operator(), "http://"),
		strings.TrimPrefix(d.file.Redis, "redis://"),
	}
	for _, addr := range addrs {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			t.Errorf("it listens on %q", addr)
		}
	}
	for _, addr := range listeningAddrs(t, d.cmd.Process.Pid, 3) {
		if !addr.IP.IsLoopback() {
			t.Errorf("the system reports that it listens on %s", addr)
		}
	}
}

// listeningAddrs returns the TCP addresses that a process listens on, and checks their number. It works only on Linux
// and returns none elsewhere.
// See https://docs.kernel.org/networking/proc_net_tcp.html.
func listeningAddrs(tb testing.TB, pid, want int) []*net.TCPAddr {
	tb.Helper()
	sockets := map[string]bool{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		target, _ := os.Readlink(file)
		sockets[target] = true
	}
	var addrs []*net.TCPAddr
	for _, table := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		for line := range strings.Lines(string(text)) {
			const listening = "0A"
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == listening && sockets["socket:["+fields[9]+"]"] {
				addrs = append(addrs, kernelAddr(tb, fields[1]))
			}
		}
	}
	if len(files) > 0 && len(addrs) != want {
		tb.Errorf("it listens on %v, want %d addresses", addrs, want)
	}
	return addrs
}

// kernelAddr parses an address in the format of the kernel: 32-bit words in the byte order of this machine, in
// hexadecimal.
func kernelAddr(tb testing.TB, text string) *net.TCPAddr {
	tb.Helper()
	words, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	addr := &net.TCPAddr{Port: int(number)}
	for ; err == nil && words != ""; words = words[8:] {
		var word uint64
		word, err = strconv.ParseUint(words[:8], 16, 32)
		addr.IP = binary.NativeEndian.AppendUint32(addr.IP, uint32(word))
	}
	if err != nil {
		tb.Fatalf("parse the kernel's address %q: %v", text, err)
	}
	return addr
}
