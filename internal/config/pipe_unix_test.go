//go:build unix

package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
)

// TestPipe reads pipes. A secret is read again while messages wait for it, so a pipe without a writer must not block.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	flags := config.RedisFlags{RedisURLFile: path}
	t.Run("a pipe without a writer is a fault", func(t *testing.T) {
		if _, err := flags.Reread(redisurl.URL{}); err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a pipe without a writer is a fault for a certificate", func(t *testing.T) {
		flags := config.RedisFlags{RedisURL: "rediss://localhost?ca_file=" + path}
		if _, err := flags.Reread(redisurl.URL{}); err == nil || !strings.Contains(err.Error(), "ca_file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a pipe is read if it contains the secret, as with <(command)", func(t *testing.T) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		if _, err := write.WriteString("redis://localhost\n"); err != nil {
			t.Fatal(err)
		}
		write.Close()
		flags := config.RedisFlags{RedisURLFile: fmt.Sprint("/dev/fd/", read.Fd())}
		if _, err := flags.Reread(redisurl.URL{}); err == nil ||
			!strings.Contains(err.Error(), "names another server") {
			t.Errorf("got %v", err)
		}
	})
}
