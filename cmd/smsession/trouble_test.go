package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smsession/internal/redistest"
)

// trouble is a state in which a Redis that can be reached refuses to count a message.
type trouble struct {
	code       string
	begin, end func(t *testing.T, s *redistest.Server)
}

// config is a trouble that a setting makes.
func configured(code, name, bad, good string) trouble {
	set := func(value string) func(*testing.T, *redistest.Server) {
		return func(_ *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", name, value) }
	}
	return trouble{code, set(bad), set(good)}
}

var replicaOfNobody = func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "127.0.0.1", "1") }

func troubles() []trouble {
	return []trouble{
		configured("OOM", "maxmemory", "1", "0"),
		configured("NOREPLICAS", "min-replicas-to-write", "1", "0"),
		{"READONLY", replicaOfNobody, func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "NO", "ONE") }},
		{"MASTERDOWN", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "replica-serve-stale-data", "no")
			replicaOfNobody(t, s)
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "NO", "ONE") }},
		{"MISCONF", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "save", "3600 1")
			block(t, s, os.Mkdir)
			s.CLI("BGSAVE")
		}, func(t *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") }},
		{"BUSY", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "busy-reply-threshold", "10")
			busy := redistest.Conn(t, s.Addr())
			busy.Send("EVAL", "while true do end", 0)
			busy.Flush()
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("SCRIPT", "KILL") }},
	}
}

// block has a directory where the snapshot should be.
func block(t *testing.T, s *redistest.Server, make func(string, os.FileMode) error) {
	t.Helper()
	_, dir, _ := strings.Cut(s.CLI("CONFIG", "GET", "dir"), "\n")
	if err := make(filepath.Join(dir, "dump.rdb"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestWhatRedisRefusesForAMomentIsWaitedFor(t *testing.T) {
	for _, one := range troubles() {
		t.Run(one.code, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			s, r := newSender(), startReplica(t, server.URL())
			begun := s.deliver(r.url, "/sms", newSID(), "")
			one.begin(t, server)
			awaitCode(t, server, one.code)
			ended := make(chan struct{})
			time.AfterFunc(700*time.Millisecond, func() {
				defer close(ended)
				one.end(t, server)
			})
			sent := time.Now()
			second := s.deliver(r.url, "/sms", newSID(), begun.cookie)
			took := time.Since(sent)
			<-ended
			if begun.text() != greeting(1) || second.text() != greeting(2) {
				t.Errorf("the replies are %q and %q", begun.text(), second.text())
			}
			if took < 500*time.Millisecond {
				t.Errorf("the reply came after %v: the trouble was not felt", took)
			}
			if r.answered("") > 0 {
				t.Errorf("a request failed:\n%s", r.log())
			}
		})
	}
}

// awaitCode waits until the server answers a write with a code.
func awaitCode(t *testing.T, s *redistest.Server, code string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got = s.CLI("EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "probe"); strings.Contains(got, code) {
			return
		}
	}
	t.Fatalf("the server says %q, want %s", got, code)
}
