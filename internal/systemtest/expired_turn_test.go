package systemtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// uncomparingProgram is the path of the program with a commit that saves the record without the comparison, the
// negative control of TestExpiredTurn.
var uncomparingProgram = sync.OnceValues(func() (string, error) {
	const comparison = "if isUnchanged then"
	original, err := filepath.Abs("../session/lua/record.lua")
	if err != nil {
		return "", err
	}
	script, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	naive := strings.Replace(string(script), comparison, "if true then", 1)
	if naive == string(script) {
		return "", fmt.Errorf("%s does not contain this comparison: %s", original, comparison)
	}
	changed, overlay := filepath.Join(builds, "record.lua"), filepath.Join(builds, "overlay.json")
	if err := os.WriteFile(changed, []byte(naive), 0o600); err != nil {
		return "", err
	}
	replace := fmt.Sprintf(`{"Replace": {%q: %q}}`, original, changed)
	if err := os.WriteFile(overlay, []byte(replace), 0o600); err != nil {
		return "", err
	}
	return buildProgram("uncomparing", mainPackage, append(raceFlags, "-overlay", overlay)...)
})

// stopTime is longer than a turn, which lasts 3 s after it was taken or renewed.
const stopTime = 4500 * time.Millisecond

// expireTurn stops a replica while the app answers a message, so that the turn of the replica expires. Another replica
// takes the turn and answers the next message of the conversation. The first replica then continues with a commit.
// expireTurn returns the violations as sentences.
func expireTurn(t *testing.T, program func() (string, error)) (violations []string) {
	t.Helper()
	add := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	app := startApp(t, "Flask")
	g := startGate(t, app.url)
	f := startFleetOf(t, program, redistest.Start(t, redistest.Options{}), "APP_URL="+g.url, "REQUEST_BUDGET=12s")
	s, sids := newSender(t), []string{webhooktest.NewSID(), webhooktest.NewSID(), webhooktest.NewSID()}
	stopped, other, third := f.replicas[0], f.replicas[1], f.replicas[2]
	first := s.deliver(stopped.url, "/sms", sids[0], "")

	held, release := g.hold(t)
	late := make(chan reply, 1)
	go func() { late <- s.deliver(stopped.url, "/sms", sids[1], first.Cookie) }()
	await(t, held)
	stopped.signal(syscall.SIGSTOP)
	expired := time.After(stopTime) // a stimulus
	g.set(g.app.ServeHTTP)
	meanwhile := s.deliver(other.url, "/sms", sids[2], first.Cookie)
	release()
	<-expired
	stopped.signal(syscall.SIGCONT)

	replies := []reply{first, webhooktest.Receive(t, "the reply of the stopped replica", late), meanwhile}
	violations = checkCounts(replies, 1, 3)
	if n := sum(scrape(t, stopped), "smsession_commit_conflicts_total"); n != 1 {
		add("%v commits of the stopped replica were refused", n)
	}
	if n := f.counter(s); n != 3 {
		add("the counter of the record is %d", n)
	}
	for i, sid := range sids {
		if repeat := s.deliver(third.url, "/sms/fallback", sid, first.Cookie); repeat.Body != replies[i].Body {
			add("message %d gets %q, its repeat gets %q", i+1, replies[i].Text(), repeat.Text())
		}
	}
	if calls := app.calls(); !maps.Equal(calls, map[string]int{sids[0]: 1, sids[1]: 2, sids[2]: 1}) {
		add("the calls for %q are %v", sids, calls)
	}
	last := s.deliver(third.url, "/sms", webhooktest.NewSID(), first.Cookie)
	return append(violations, checkCounts([]reply{last}, 4, 4)...)
}

// TestExpiredTurn stops a replica for longer than its turn lasts. The turn then no longer protects its commit.
func TestExpiredTurn(t *testing.T) {
	t.Parallel()
	report(t, expireTurn(t, program))
	t.Run("without a comparison, a message is lost", func(t *testing.T) {
		violations := expireTurn(t, uncomparingProgram)
		if !slices.Contains(violations, "2 replies have the number 2") {
			t.Errorf("the violations are %q", violations)
		}
	})
}
