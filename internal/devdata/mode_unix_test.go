//go:build unix

package devdata_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/devdata"
)

func TestMode(t *testing.T) {
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
	path := filepath.Join(t.TempDir(), "data.json")
	s, _ := open(t, path)
	for _, name := range []string{path, path + ".smsession-new"} { // what others made, and what a crash has left
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Write(devdata.File{}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("the mode is %v, %v", info.Mode(), err)
		}
	}
}

// TestFullDisk writes a file that is larger than the system permits. The old file must survive.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.json")
	s, _ := open(t, path)
	if err := s.Write(devdata.File{AuthToken: "old"}); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 8 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 64<<10)
	err := s.Write(devdata.File{AuthToken: large})
	naive := filepath.Join(t.TempDir(), "naive.json")
	_ = os.WriteFile(naive, []byte("old"), 0o600)
	_ = os.WriteFile(naive, []byte(large), 0o600)
	if errLimit := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); errLimit != nil {
		t.Fatal(errLimit)
	}
	if err == nil || content(t, path).AuthToken != "old" {
		t.Errorf("the error is %v, and the file is %+v", err, content(t, path))
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 2 {
		t.Errorf("it leaves %v behind", left)
	}
	if text, err := os.ReadFile(naive); err != nil || strings.HasPrefix(string(text), "old") {
		t.Errorf("a file that is written in place survives, so this test proves nothing: %v", err)
	}
}
