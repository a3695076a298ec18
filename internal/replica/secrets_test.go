package replica

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
)

func TestRefusalsCauseFewReadings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("redis://:first@redis")
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		flags := config.Flags{RedisFlags: config.RedisFlags{RedisURLFile: path}}
		s := newSecrets(flags, redisurl.URL{Addrs: []string{"redis:6379"}, Redis: redisurl.Login{Password: "before"}},
			slog.New(slog.NewTextHandler(&out, nil)))
		is := func(want string) {
			t.Helper()
			s.outdated()
			if got := s.url().Redis.Password; got != want {
				t.Errorf("the password is %q, want %q", got, want)
			}
		}
		is("first")
		write("redis://:second@redis")
		time.Sleep(rereadPause - time.Millisecond)
		is("first")
		time.Sleep(time.Millisecond)
		is("second")
		write("not a URL")
		for range 3 {
			time.Sleep(rereadPause)
			is("second")
		}
		if n := strings.Count(out.String(), "must be a URL"); n != 1 {
			t.Errorf("the fault was logged %d times, want once:\n%s", n, out.String())
		}
	})
}
