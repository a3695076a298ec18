package replica

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/twilio"
)

// rereadPause is the shortest time between two readings of the Redis secrets. While Redis refuses our credentials,
// every message that waits would cause a reading.
const rereadPause = time.Second

// secrets are the settings that the service reads again while it runs: the Redis secrets when Redis refuses them, and
// all of them, with the tokens of Twilio and the secrets of the app, on SIGHUP. A file that cannot be read, or a change
// that needs a restart, is logged and changes nothing. It is safe for concurrent use.
type secrets struct {
	flags config.Flags
	log   *slog.Logger
	redis atomic.Pointer[redisurl.URL]

	mu     sync.Mutex
	read   time.Time // when the secrets of Redis were last read
	logged string    // the last fault that was logged; "" after a successful reading
}

func newSecrets(flags config.Flags, redis redisurl.URL, log *slog.Logger) *secrets {
	s := &secrets{flags: flags, log: log}
	s.redis.Store(&redis)
	return s
}

// url returns the Redis URL with the current logins, for a pool.
func (s *secrets) url() redisurl.URL { return *s.redis.Load() }

// outdated reads the Redis secrets again, unless they were read within rereadPause.
func (s *secrets) outdated() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.read) >= rereadPause {
		s.readRedis()
	}
}

// follow reads all secrets again on each signal, until ctx ends. Each of setTokens gets the auth tokens. ownApp gets
// its secrets; it is nil if there is no app.
func (s *secrets) follow(
	ctx context.Context, hangup <-chan os.Signal, ownApp *app.App, setTokens ...func(twilio.Tokens),
) {
	for {
		select {
		case <-hangup:
			s.readAll(ownApp, setTokens)
		case <-ctx.Done():
			return
		}
	}
}

func (s *secrets) readAll(ownApp *app.App, setTokens []func(twilio.Tokens)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logged = "" // log the fault again for the operator who sent the signal
	readRedis, readApp := s.readRedis(), ownApp == nil || s.readApp(ownApp)
	all, err := s.flags.RereadTokens()
	if err != nil {
		s.log.Error("the auth tokens stay as they were", "error", err.Error())
		return
	}
	for _, set := range setTokens {
		set(all)
	}
	if readRedis && readApp {
		s.log.Info("the secrets were read again", "auth_tokens", len(all))
	}
}

// readApp reads the secrets of the app and reports whether that succeeded.
func (s *secrets) readApp(ownApp *app.App) bool {
	secrets, err := s.flags.RereadAppSecrets()
	if err != nil {
		s.log.Error("the secrets of the app stay as they were", "error", err.Error())
		return false
	}
	ownApp.SetSecrets(secrets)
	return true
}

// readRedis reads the Redis secrets and reports whether that succeeded. It does not log the same fault twice in a row.
func (s *secrets) readRedis() bool {
	redis, err := s.flags.RedisFlags.Reread(*s.redis.Load())
	s.read = time.Now()
	if err != nil {
		if fault := err.Error(); fault != s.logged {
			s.logged = fault
			s.log.Error("the credentials of Redis stay as they were", "error", fault)
		}
		return false
	}
	s.logged = ""
	s.redis.Store(&redis)
	return true
}
