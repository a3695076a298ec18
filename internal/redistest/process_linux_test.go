package redistest

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Only Linux ties a child to its parent's life.
func TestNoServerOutlivesAKilledTest(t *testing.T) {
	if os.Getenv("REDISTEST_CHILD") == "killed" {
		s := Start(t, Options{})
		for _, p := range s.runs {
			fmt.Printf("addr=%s\npid=%d\n", s.Addr(), p.cmd.Process.Pid)
		}
		time.Sleep(time.Second) // long enough for the thread to die, if nobody kept it
		if got := s.CLI("PING"); got != "PONG" {
			t.Fatalf("redis-cli PING = %q, want PONG", got)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	out, err := child(t, "killed").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "addr=") {
		t.Fatalf("the child test: %v, %s, want it killed", err, out)
	}
	var addr string
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "addr="); ok {
			addr = rest
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatalf("redis-server still listens on %s", addr)
		}
	}
}
