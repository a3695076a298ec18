package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"smsession/internal/processtest"
	"smsession/internal/webhooktest"
)

// replica is a process of the service, or of a server that the service is compared with.
type replica struct {
	*process
	url string // of the public listener
}

// startReplica starts `smsession serve` on free ports, and waits until it is ready. The settings are NAME=value. They
// override those of serviceSettings.
func startReplica(tb testing.TB, redisURL string, settings ...string) *replica {
	tb.Helper()
	return startReplicaOf(tb, program, redisURL, settings...)
}

// startReplicaOf is like startReplica, but for another build of the program.
func startReplicaOf(tb testing.TB, program func() (string, error), redisURL string, settings ...string) *replica {
	tb.Helper()
	cmd := processtest.Command(built(tb, program), []string{"serve"}, serviceSettings(redisURL, settings...)...)
	r := listening(tb, startCommand(tb, cmd))
	r.waitReady()
	return r
}

// serviceSettings returns the settings of most replicas, and others that override them.
func serviceSettings(redisURL string, settings ...string) []string {
	return append([]string{
		"PUBLIC_URL=" + webhooktest.PublicURL, "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken, "REDIS_URL=" + redisURL,
		"ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DRAIN_DELAY=0s",
	}, settings...)
}

// launch starts the program and waits until it listens. It may not be ready yet.
func launch(tb testing.TB, args []string, settings ...string) *replica {
	tb.Helper()
	return listening(tb, start(tb, args, settings...))
}

// startReference starts a server that the service is compared with. See serveReference. The settings are NAME=value.
func startReference(tb testing.TB, role, redisAddr string, settings ...string) *replica {
	tb.Helper()
	settings = append(settings, roleVariable+"="+role, "REDIS_ADDR="+redisAddr)
	return listening(tb, startCommand(tb, processtest.Command(os.Args[0], nil, settings...)))
}

// listening waits until a process logs its address.
func listening(tb testing.TB, p *process) *replica {
	tb.Helper()
	return &replica{p, p.WaitForAddress("listening")}
}

// operator returns the URL of the private listener.
func (r *replica) operator() string {
	r.tb.Helper()
	return r.WaitForAddress("listening on the private listener")
}

func (r *replica) waitReady() {
	r.tb.Helper()
	r.waitFor("ready", http.StatusOK)
}

// waitFor waits until /readyz answers with a word and a status.
func (r *replica) waitFor(word string, status int) {
	r.tb.Helper()
	webhooktest.WaitNoError(r.tb, "/readyz to answer "+word, func() error {
		gotWord, gotStatus, err := r.readiness()
		if err == nil && (gotWord != word || gotStatus != status) {
			err = fmt.Errorf("the answer is %d %s; the log is\n%s", gotStatus, gotWord, r.stderr())
		}
		return err
	})
}

// readiness returns the answer of /readyz.
func (r *replica) readiness() (word string, status int, err error) {
	res, err := http.Get(r.url + "/readyz")
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return strings.TrimSpace(string(body)), res.StatusCode, err
}

// address returns the host and port of the public listener.
func (r *replica) address() string { return strings.TrimPrefix(r.url, "http://") }
