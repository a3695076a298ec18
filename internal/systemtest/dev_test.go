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
	"time"

	"smsession/internal/dev"
	"smsession/internal/webhooktest"
)

// devProcess is a `smsession dev` with a runtime directory of its own.
type devProcess struct {
	*replica
	file dev.Service
	path string // of the file
}

// startDev starts one and reads its file. The log is in JSON, so that the suite can read the addresses in it. The last
// setting of a name counts.
func startDev(tb testing.TB, settings ...string) *devProcess {
	tb.Helper()
	runtime := tb.TempDir()
	d := &devProcess{path: filepath.Join(runtime, "smsession", "dev.json")}
	d.replica = launch(tb, []string{"dev"},
		append([]string{"LOG_FORMAT=json", "HOME=" + tb.TempDir(), "XDG_RUNTIME_DIR=" + runtime, "TMPDIR=" + tb.TempDir()}, settings...)...)
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

// lines are those of the guide that begin with a command, once it has been printed to its end.
func (d *devProcess) lines(command string) []string {
	d.tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(d.stdout(), "forgets everything on exit"); {
		if time.Now().After(deadline) {
			d.tb.Fatalf("the guide has no end:\n%s", d.stdout())
		}
		time.Sleep(10 * time.Millisecond)
	}
	var lines []string
	for line := range strings.Lines(d.stdout()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, command+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// paste runs a line as a newcomer does.
func paste(tb testing.TB, line string) string {
	tb.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		tb.Errorf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// message runs one of the curl lines. Where there is no curl it is taken apart, which shows less of it to be right.
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

// occupy takes an address, unless somebody has it already.
func occupy(tb testing.TB, addr string) {
	tb.Helper()
	if l, err := net.Listen("tcp", addr); err == nil {
		tb.Cleanup(func() { l.Close() })
	}
}

// TestDevNeedsNothing follows the guide of `smsession dev` on a host where every port that it would like is taken.
func TestDevNeedsNothing(t *testing.T) {
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
			t.Errorf("line %d again got %q, first %q", i+1, again.Body, replies[i].Body)
		}
	}
	d.checkRedisLines(t)
	if !strings.Contains(d.stdout(), "gets the same answer") {
		t.Error("the guide does not say what the same line again does")
	}
}

// checkRedisLines pastes what the guide says about Redis, after the three messages of a conversation.
func (d *devProcess) checkRedisLines(t *testing.T) {
	t.Helper()
	clis := d.lines("redis-cli")
	if len(clis) != 3 {
		t.Fatalf("the guide has %d redis-cli lines:\n%s", len(clis), d.stdout())
	}
	if listed := paste(t, clis[0]); listed != "sms:conversation:"+dev.To+":"+dev.From {
		t.Errorf("%s: %s", clis[0], listed)
	}
	var record struct {
		Counter  int
		From, To string
	}
	text := paste(t, clis[1])
	if err := json.Unmarshal([]byte(text), &record); err != nil || record.Counter != 3 || record.From != dev.From || record.To != dev.To {
		t.Errorf("%s: %s", clis[1], text)
	}
	if left, err := strconv.Atoi(paste(t, clis[2])); err != nil || left < 4*3600-600 || left > 4*3600 {
		t.Errorf("%s: %d seconds of 4 hours are left", clis[2], left)
	}
}

func TestDevTellsOtherCommandsWhereItIsAndCleansUp(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=127.0.0.1:0")
	for path, mode := range map[string]fs.FileMode{d.path: 0o600, filepath.Dir(d.path): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("the mode of %s is %v, want %v", filepath.Base(path), info.Mode(), mode)
		}
	}
	if d.file.URL != d.url || len(d.file.AuthToken) != 32 || d.file.PID != d.cmd.Process.Pid {
		t.Errorf("the file says %+v, the service is %s", d.file, d.url)
	}
	s := newSender(t)
	s.AuthToken, s.PublicURL = d.file.AuthToken, d.file.PublicURL
	report(t, checkCounts([]reply{s.deliver(d.file.URL, "/sms", webhooktest.NewSID(), "")}, 1, 1))
	if other := startDev(t, "PORT=0", "ADMIN_ADDR=127.0.0.1:0"); other.file.AuthToken == d.file.AuthToken {
		t.Error("two of them have the same auth token")
	}
	d.signal(syscall.SIGTERM)
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d:\n%s", status, d.stderr())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(d.path), "*")); len(left) > 0 {
		t.Errorf("it left %s", left)
	}
}

func TestAnEarlierDevKeepsItsFile(t *testing.T) {
	earlier := startDev(t, "PORT=0", "ADMIN_ADDR=")
	later := launch(t, []string{"dev"}, "PORT=0", "ADMIN_ADDR=", "LOG_FORMAT=json", "XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(earlier.path)))
	later.signal(syscall.SIGTERM)
	later.wait()
	if text, err := os.ReadFile(earlier.path); err != nil || !strings.Contains(string(text), earlier.url) {
		t.Errorf("the file of the earlier one: %s, %v", text, err)
	}
	if !strings.Contains(later.stderr(), earlier.url) {
		t.Errorf("the later one does not say which one is found:\n%s", later.stderr())
	}
}

func TestDevPutsNoTokenWhereOthersCanWriteAndRunsAllTheSame(t *testing.T) {
	runtime := t.TempDir()
	dir := filepath.Join(runtime, "smsession")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	r := launch(t, []string{"dev"}, "LOG_FORMAT=json", "PORT=0", "ADMIN_ADDR=", "XDG_RUNTIME_DIR="+runtime)
	r.waitReady()
	if !strings.Contains(r.stderr(), "is not only ours") {
		t.Errorf("the log is %s", r.stderr())
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it wrote %v there", left)
	}
}

func TestDevListensOnLoopbackOnly(t *testing.T) {
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
	for _, addr := range listeningAddrs(t, d.cmd.Process.Pid) {
		if !addr.IP.IsLoopback() {
			t.Errorf("the system says that it listens on %s", addr)
		}
	}
}

// listeningAddrs are the TCP addresses that a process listens on, as Linux tells them; elsewhere there are none.
// See https://docs.kernel.org/networking/proc_net_tcp.html.
func listeningAddrs(tb testing.TB, pid int) []*net.TCPAddr {
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
	if len(files) > 0 && len(addrs) != 3 {
		tb.Errorf("it listens on %v, want three addresses", addrs)
	}
	return addrs
}

// kernelAddr reads an address as the kernel writes it: 32-bit words of this machine's byte order in hexadecimal.
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
		tb.Fatalf("the kernel's address %q: %v", text, err)
	}
	return addr
}
