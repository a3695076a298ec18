package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smsession/internal/redistest"
)

// appLoad has the flags of a load with all kinds of faults, for an app that is slower than the service.
var appLoad = []string{"--conversations", "20", "--messages", "400", "--burst", "5", "--first-race", "0.5",
	"--resend", "0.2", "--lose-cookies", "0.1", "--expect", "count"}

// appMessages is the number of messages of appLoad.
const appMessages = 400

// calls returns how often the app was called with each MessageSid, according to its ledger.
func (a *realApp) calls() map[string]int {
	a.tb.Helper()
	text, err := os.ReadFile(a.ledger)
	if err != nil && !os.IsNotExist(err) {
		a.tb.Fatal(err)
	}
	calls := map[string]int{}
	for _, sid := range strings.Fields(string(text)) {
		calls[sid]++
	}
	return calls
}

// wrongCalls returns what is wrong with the calls of an app that got the messages of appLoad.
func (a *realApp) wrongCalls() (all []string) {
	calls := a.calls()
	for sid, n := range calls {
		if n != 1 {
			all = append(all, fmt.Sprintf("the app was called %d times with %s", n, sid))
		}
	}
	if len(calls) != appMessages {
		all = append(all, fmt.Sprintf("the app was called with %d messages", len(calls)))
	}
	return all[:min(len(all), maxViolations)]
}

// TestRealApps puts apps of several frameworks behind three replicas. Their state is in cookies, in the app, or in the
// JSON that they return. The proof of the load and the app's own ledger must both hold.
func TestRealApps(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		app      string
		settings []string
	}{
		{"Flask", nil}, {"Sinatra", nil}, {"cookie-session", nil}, {"express-session", nil}, {"PHP", nil},
		{"JSON in Node", jsonSettings},
	} {
		t.Run(row.app+" gets each message once", func(t *testing.T) {
			app := startApp(t, row.app)
			f := startFleet(t, redistest.Start(t, redistest.Options{}), append(row.settings, "APP_URL="+app.url)...)
			result, status := loadJSON(t, startSpreader(t, f), appLoad...)
			if status != 0 || !result.Proof.Holds || result.Proof.Counted != appMessages || len(result.Errors) > 0 {
				t.Errorf("exit status %d, %+v\n%s", status, result, app.stderr())
			}
			report(t, app.wrongCalls())
		})
	}
}

// TestAppWithoutTurns is the negative control of TestRealApps: without turns, two replicas call the app at the same
// time, and one of the calls is made again.
func TestAppWithoutTurns(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"express-session", "PHP"} {
		t.Run(name+" counts messages twice", func(t *testing.T) {
			app, server := startApp(t, name), redistest.Start(t, redistest.Options{})
			f := startFleet(t, server, "APP_URL="+app.url)
			takeTurnsAway(t, server)
			result, _ := loadJSON(t, startSpreader(t, f), appLoad...)
			if result.Proof.Holds || app.wrongCalls() == nil {
				t.Errorf("nothing was found: %+v", result)
			}
		})
	}
}
