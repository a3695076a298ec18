package redistest

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"smsession/internal/webhooktest"
)

// Only Linux kills a child when its parent dies.
func TestKilledTestBinary(t *testing.T) {
	if os.Getenv("REDISTEST_CHILD") == "killed" {
		s := Start(t, Options{})
		for _, p := range s.runs {
			fmt.Printf("addr=%s\npid=%d\n", s.Addr(), p.cmd.Process.Pid)
		}
		time.Sleep(time.Second) // in this time, an unlocked thread would end, and redis-server with it
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
	webhooktest.Wait(t, "the end of redis-server on "+addr, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}
