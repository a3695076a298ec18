package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"smsession/internal/webhooktest"
)

// Age makes every key of database 0 older by d: each time to live becomes shorter by d, and expired keys are deleted. A
// test uses it to reach the end of four hours, because it cannot move the clock of a real server.
func (s *Server) Age(d time.Duration) {
	s.tb.Helper()
	const script = `for _, key in ipairs(redis.call('KEYS', '*')) do
		local left = redis.call('PTTL', key)
		if left >= 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
	end`
	if out := s.CLI("EVAL", script, "0", strconv.FormatInt(d.Milliseconds(), 10)); out != "" {
		s.tb.Fatalf("redistest: age the keys: %s", out)
	}
}

// CLI runs redis-cli against the server, as an operator does. It returns the output of redis-cli, which contains the
// error if redis-cli fails. If redis-cli is not installed, the test fails.
func (s *Server) CLI(args ...string) string {
	s.tb.Helper()
	// A minute is enough for any command. The limit ends the test if the server is paused.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection := []string{"-h", host, "-p", strconv.Itoa(s.port)}
	if s.options.TLS {
		connection = append(connection, "--tls", "--cacert", s.PEMFile(), "--cert", s.PEMFile(), "--key", s.PEMFile())
	}
	cmd := exec.CommandContext(ctx, installed(s.tb, "redis-cli"), append(connection, args...)...)
	if s.options.Password != "" {
		cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+s.options.Password)
	}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		return fmt.Sprintf("redis-cli: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// await repeats a command with redis-cli until the answer contains all of the texts.
func (s *Server) await(command string, texts ...string) {
	s.tb.Helper()
	s.awaitThat(command, func(answer string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(answer, text) })
	})
}

// awaitThat repeats a command with redis-cli until isRight accepts the answer.
func (s *Server) awaitThat(command string, isRight func(answer string) bool) {
	s.tb.Helper()
	webhooktest.WaitNoError(s.tb, command+" on "+s.Addr(), func() error {
		if answer := s.CLI(strings.Fields(command)...); !isRight(answer) {
			return errors.New(answer)
		}
		return nil
	})
}
