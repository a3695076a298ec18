package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// closedPipe returns a pipe that nobody reads any more, as of `smsession … | true`.
func closedPipe(tb testing.TB) *os.File {
	tb.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	reader.Close()
	tb.Cleanup(func() { writer.Close() })
	return writer
}

// TestClosedPipe runs every command that prints, with a standard output that nobody reads. webhook needs Twilio's REST
// API, so cmd/smsession tests it.
func TestClosedPipe(t *testing.T) {
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	r := startReplica(t, server.URL())
	settings := serviceSettings(server.URL(), "TMPDIR="+t.TempDir())
	webhook := []string{"--url", r.url + "/sms", "--public-url", "https://sms.example.com/sms"}
	rows := [][]string{
		{"--help"},
		{"version"}, {"version", "--json"}, {"man"}, {"completion", "bash"}, {"complete", "--", ""},
		{"config"}, {"config", "--json"},
		{"health", "--url", r.url + "/healthz"},
		append([]string{"phone", "hi"}, webhook...), append([]string{"phone", "--json", "hi"}, webhook...),
		append([]string{"load", "--messages=1"}, webhook...),
		append([]string{"load", "--json", "--messages=1"}, webhook...),
		{"ls"}, {"ls", "--json"}, {"ls", "--sort=idle"},
	}
	for _, command := range commandNames() {
		rows = append(rows, append(strings.Fields(command), "--help"))
	}
	for _, command := range []string{"show", "end --yes"} {
		for _, format := range []string{"", "--json"} {
			from := startConversation(t, r, 1).From
			rows = append(rows, append(strings.Fields(command+" "+format), from))
		}
	}
	for _, args := range rows {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			cmd := command(t, args, settings...)
			var stderr strings.Builder
			cmd.Stdout, cmd.Stderr = closedPipe(t), &stderr
			err := cmd.Run()
			errors := strings.ReplaceAll(stderr.String(), "testing "+webhook[1]+"\n", "") // what load announces
			if err != nil || errors != "" {
				t.Errorf("%v, stderr %q", err, errors)
			}
		})
	}
	for _, args := range [][]string{{"watch", "--every=100ms"}, {"watch", "--every=100ms", "--json"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			cmd := command(t, args, settings...)
			cmd.Stdout = closedPipe(t)
			watch := startCommand(t, cmd)
			webhooktest.Wait(t, "the first poll", func() bool { return watch.stderr() != "" })
			startConversation(t, r, 1)
			<-watch.exited
			if status := cmd.ProcessState.ExitCode(); status != 0 || strings.Contains(watch.stderr(), "\n") {
				t.Errorf("exit status %d, stderr %q", status, watch.stderr())
			}
		})
	}
}

// TestEndIntoAClosedPipe ends two conversations of one sender. The first of them cannot be printed.
func TestEndIntoAClosedPipe(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	one := startConversation(t, r, 1)
	other := *one.Sender
	other.To = webhooktest.NewNumber()
	if got := (&sender{&other}).deliver(r.url, "/sms", webhooktest.NewSID(), ""); number(got.Text()) != 1 {
		t.Fatalf("the other conversation gets %d %q", got.Status, got.Body)
	}
	cmd := command(t, []string{"end", one.From, "--yes"}, "REDIS_URL="+server.URL())
	cmd.Stdout = closedPipe(t)
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	left := execute(t, []string{"ls", "--json", "--from", one.From}, "REDIS_URL="+server.URL())
	if left.status != 0 || left.stdout != "" {
		t.Errorf("after the end, ls prints %s%s", left.stdout, left.stderr)
	}
}

// TestDevIntoAClosedPipe starts a service whose guide cannot be printed. The service ends at once, so this is an error.
func TestDevIntoAClosedPipe(t *testing.T) {
	cmd := command(t, []string{"dev"}, "PORT=0", "ADMIN_ADDR=", "TMPDIR="+t.TempDir())
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = closedPipe(t), &stderr
	_ = cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != 1 || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit status %d, stderr %q", status, stderr.String())
	}
}
