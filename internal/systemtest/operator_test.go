package systemtest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// startConversation sends n messages from a new sender.
func startConversation(tb testing.TB, r *replica, n int) *sender {
	tb.Helper()
	s := newSender(tb)
	for i := range n {
		if got := s.deliver(r.url, "/sms", webhooktest.NewSID(), ""); got.Status != 200 || number(got.Text()) != i+1 {
			tb.Fatalf("message %d: %d %q", i+1, got.Status, got.Body)
		}
	}
	return s
}

func TestOperatorCommands(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	redisURL := "REDIS_URL=" + server.URL()
	one, two := startConversation(t, r, 3), startConversation(t, r, 1)

	ls := execute(t, []string{"ls"}, redisURL)
	if lines := strings.Split(ls.stdout, "\n"); ls.status != 0 || len(lines) != 4 ||
		!strings.HasPrefix(lines[0], "FROM ") ||
		!strings.Contains(ls.stdout, "+1202•••"+one.From[8:]) || !regexp.MustCompile(`3h5\dm`).MatchString(ls.stdout) {
		t.Errorf("ls: exit status %d\n%s%s", ls.status, ls.stdout, ls.stderr)
	}
	if strings.Contains(ls.stdout, one.From) || strings.Contains(ls.stdout, one.To) {
		t.Errorf("ls shows whole numbers:\n%s", ls.stdout)
	}
	if top := execute(t, []string{"ls", "--sort", "count", "--limit", "1", "--reveal"},
		redisURL); !strings.Contains(top.stdout, one.From) || strings.Contains(top.stdout, two.From) {
		t.Errorf("ls --sort count: %s%s", top.stdout, top.stderr)
	}
	if some := execute(t, []string{"ls", "--limit", "1"}, redisURL); some.status != 0 ||
		strings.Count(some.stdout, "\n") != 2 {
		t.Errorf("ls --limit 1: %s%s", some.stdout, some.stderr)
	}
	show := execute(t, []string{"show", one.From}, redisURL)
	if show.status != 0 || !strings.Contains(show.stdout, one.From+" to +1500•••0006\n  state     live\n") ||
		!strings.Contains(show.stdout, "counter   3\n") {
		t.Errorf("show: exit status %d\n%s%s", show.status, show.stdout, show.stderr)
	}
	raw := execute(t, []string{"show", "--json", "--to", one.To, one.From}, redisURL)
	if want := server.CLI("GET", "sms:session:"+server.CLI("GET",
		"sms:conversation:"+one.To+":"+one.From)); raw.stdout != want+"\n" {
		t.Errorf("show --json: %q, in Redis it is %q", raw.stdout, want)
	}

	end := execute(t, []string{"end", one.From, "--yes"}, redisURL)
	if end.status != 0 || end.stdout != one.From+" to +1500•••0006: ended after 3 messages; the next one begins a new conversation\n" {
		t.Errorf("end: exit status %d\n%s%s", end.status, end.stdout, end.stderr)
	}
	if again := execute(t, []string{"end", one.From, "-y", "--json"}, redisURL); again.status != 0 ||
		!strings.Contains(again.stdout, `"what":"ended before"`) {
		t.Errorf("end again: exit status %d\n%s%s", again.status, again.stdout, again.stderr)
	}
	if ls := execute(t, []string{"ls", "--json", "--from", one.From}, redisURL); ls.status != 0 || ls.stdout != "" ||
		!strings.HasPrefix(ls.stderr, "smsession: there is no live conversation of that number") {
		t.Errorf("ls of an ended conversation: %s%s", ls.stdout, ls.stderr)
	}
	if n := number(one.deliver(r.url, "/sms", webhooktest.NewSID(), "").Text()); n != 1 {
		t.Errorf("the next message is number %d", n)
	}
	erase := execute(t, []string{"end", one.From, "--to", one.To, "--yes", "--erase"}, redisURL)
	if erase.status != 0 || !strings.Contains(erase.stdout, "may be counted again") ||
		strings.Contains(server.CLI("KEYS", "*"), one.From) {
		t.Errorf("end --erase: exit status %d\n%s%s", erase.status, erase.stdout, erase.stderr)
	}
}

// rights are those that a Redis user needs, as the errors of the commands name them.
const rights = "it needs SCAN, GET, STRLEN and PTTL, for end also SET, DEL, TYPE, EVAL and EVALSHA, with REDIS_WAIT_REPLICAS also WAIT, on a Cluster also CLUSTER SLOTS, and the keys of the prefix"

func TestOperatorErrors(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Password: "S3cr3t",
		Args: []string{"--user", "blind", "on", ">S3cr3t", "~sms:*", "+get", "+ping"}})
	elsewhere := strings.Replace(server.URL(), "S3cr3t", "wr0ng", 1)
	blind := strings.Replace(server.URL(), ":S3cr3t@", "blind:S3cr3t@", 1)
	rows := []struct {
		name, want, redisURL string
		args                 []string
		status               int
	}{
		{"ls without REDIS_URL", "REDIS_URL", "", []string{"ls"}, 2},
		{"ls of another kind of URL", "REDIS_URL", "http://S3cr3t@localhost", []string{"ls"}, 2},
		{"ls with the wrong password", "refuses us", elsewhere, []string{"ls"}, 1},
		{"ls where SCAN is forbidden", rights, blind, []string{"ls"}, 1},
		{"ls of a Redis that is not there", "check that Redis runs and that REDIS_URL is right", "redis://127.0.0.1:1", []string{"ls"}, 1},
		{"ls in an unknown order", "--sort must be one of count, idle, left, began", server.URL(), []string{"ls", "--sort", "S3cr3t"}, 2},
		{"ls of no conversations", "--limit must be a whole number", server.URL(), []string{"ls", "--limit", "0"}, 2},
		{"ls of less than no conversations", "--limit must be a whole number from 1;", server.URL(), []string{"ls", "--limit", "-1"}, 2},
		{"ls of too many conversations in order", "from 1 to 100000", server.URL(), []string{"ls", "--sort=count", "--limit=100001"}, 2},
		{"ls of an empty Redis", "smsession: there is no live conversation", server.URL(), []string{"ls", "--sort=idle"}, 0},
		{"ls of an unknown number", "no live conversation of that number: it never sent a message, its session has ended, its record cannot be read,", server.URL(), []string{"ls", "--from", "+15551234567"}, 0},
		{"ls of an unknown number of ours", "no live conversation of that number", server.URL(), []string{"ls", "--json", "--to", "+15551234567"}, 0},
		{"show of a word", "the number must be a phone number such as +12025550143", server.URL(), []string{"show", "S3cr3t"}, 2},
		{"show of an unknown token", "it may have expired, or its record could not be read and is in quarantine", server.URL(), []string{"show", "--token=S3cr3t"}, 1},
		{"show of too short a token", "--token needs at least the first 6 characters", server.URL(), []string{"show", "--token=wr0ng"}, 2},
		{"end of an empty token", "--token needs at least the first 6 characters", server.URL(), []string{"end", "--token=", "--yes"}, 2},
		{"end of a token that begins with a dash", "write --token=VALUE if the value begins with a dash", server.URL(), []string{"end", "--token", "-S3cr3t", "--yes"}, 2},
		{"end of a number of ours without conversations", "there is no conversation of that number", server.URL(), []string{"end", "--to", "+15551234567", "--yes"}, 1},
		{"end of nothing on standard input", "standard input has no number, so nothing was changed", server.URL(), []string{"end", "--to", "+15551234567", "--yes", "-"}, 1},
		{"end of a list without its -", "NUMBER is missing: write - to read the numbers from standard input", server.URL(), []string{"end", "--yes"}, 2},
		{"end of a list without --yes", "standard input has the numbers and not your answer: use --yes", server.URL(), []string{"end", "-"}, 2},
		{"show of an unknown number", "there is no conversation of that number", server.URL(), []string{"show", "+15551234567"}, 1},
		{"show of an unknown number of ours", "there is no conversation of that number", server.URL(), []string{"show", "+15551234567", "--to", "+1"}, 1},
		{"show without a number", "show: NUMBER is missing; for example: smsession show +12025550143", server.URL(), []string{"show"}, 2},
		{"show where PTTL is forbidden", "it needs", blind, []string{"show", "+1", "--to", "+2"}, 1},
		{"show of an empty number", "the number is empty; see smsession show --help", server.URL(), []string{"show", ""}, 2},
		{"end of an empty number", "the number is empty", server.URL(), []string{"end", "", "--yes"}, 2},
		{"end with an empty number of ours", "--to is empty", server.URL(), []string{"end", "+15551234567", "--to", "", "--yes"}, 2},
		{"ls of an empty number", "--from is empty; see smsession ls --help", server.URL(), []string{"ls", "--from="}, 2},
		{"end of an unknown number", "there is no conversation of that number", server.URL(), []string{"end", "+15551234567", "--yes"}, 1},
		{"end without a terminal", "stdin or stderr is not a terminal: use --yes", server.URL(), []string{"end", "+15551234567"}, 2},
		{"end with the wrong password", "refuses us", elsewhere, []string{"end", "+1", "--to", "+2", "--yes"}, 1},
		{"watch with the wrong password", "refuses us", elsewhere, []string{"watch"}, 1},
		{"watch of a Redis that is not there", "check that Redis runs and that REDIS_URL is right", "redis://127.0.0.1:1", []string{"watch"}, 1},
		{"watch without a pause", "--every must be at least 100ms", server.URL(), []string{"watch", "--every", "1ms"}, 2},
		{"watch of no conversations", "--limit must be a whole number", server.URL(), []string{"watch", "--limit", "0"}, 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := execute(t, row.args, "REDIS_URL="+row.redisURL, "XDG_RUNTIME_DIR="+t.TempDir()) // no dev
			printed := r.stderr
			if r.status != row.status || !strings.Contains(printed, row.want) || strings.Contains(printed, "\n") ||
				r.stdout != "" {
				t.Errorf("exit status %d, %q, %q", r.status, printed, r.stdout)
			}
			if strings.Contains(strings.ToLower(printed), "s3cr3t") || strings.Contains(printed, "wr0ng") ||
				strings.Contains(printed, "5551234567") {
				t.Errorf("a secret or a number is in %q", printed)
			}
		})
	}
}

// TestOperatorRights uses Redis users with exactly the rights that the errors of the commands name.
func TestOperatorRights(t *testing.T) {
	user := func(name string, commands ...string) []string {
		return append([]string{"--user", name, "on", ">S3cr3t", "~sms:*"}, commands...)
	}
	rules := append(user("reader", "+scan", "+get", "+strlen", "+pttl"),
		user("ender", "+scan", "+get", "+strlen", "+pttl", "+set", "+del", "+type", "+eval", "+evalsha")...)
	rules = append(rules, user("halfway", "+scan", "+get", "+strlen", "+pttl", "+type", "+eval", "+evalsha",
		"(+del ~sms:session:*)")...)
	server := redistest.Start(t, redistest.Options{Args: rules})
	r := startReplica(t, server.URL())
	s := startConversation(t, r, 1)
	as := func(user string) string {
		return "REDIS_URL=" + strings.Replace(server.URL(), "redis://", "redis://"+user+":S3cr3t@", 1)
	}
	for _, args := range [][]string{{"ls"}, {"ls", "--sort", "left"}, {"ls", "--from", s.From, "--to", s.To},
		{"show", s.From}} {
		if x := execute(t, args, as("reader")); x.status != 0 || x.stdout == "" {
			t.Errorf("%q: exit status %d, %q, %s", args, x.status, x.stdout, x.stderr)
		}
	}
	if x := execute(t, []string{"end", s.From, "--yes"}, as("reader")); x.status != 1 ||
		!strings.Contains(x.stderr, rights) || strings.Contains(x.stderr, "may be") {
		t.Errorf("end by a reader: exit status %d, %s", x.status, x.stderr)
	}
	if x := execute(t, []string{"end", s.From, "--yes", "--erase"}, as("halfway")); x.status != 1 ||
		!strings.Contains(x.stderr, "may be erased in part") || !strings.Contains(x.stderr, rights) {
		t.Errorf("an erasure that is refused in the middle: exit status %d, %s", x.status, x.stderr)
	}
	if left := server.CLI("KEYS", "sms:*"); strings.Contains(left, "sms:session:") ||
		!strings.Contains(left, "sms:conversation:") {
		t.Errorf("only the record should be deleted, but the keys are %s", left)
	}
	s = startConversation(t, r, 1)
	for _, args := range [][]string{{"end", s.From, "--yes"}, {"end", s.From, "--yes", "--erase"}} {
		if x := execute(t, args, as("ender")); x.status != 0 {
			t.Errorf("%q: exit status %d, %s", args, x.status, x.stderr)
		}
	}
}

// TestLsWaitsForABusyRedis pauses Redis for longer than a message waits for one command.
func TestLsWaitsForABusyRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	addConversations(t, server, 1)
	server.CLI("CLIENT", "PAUSE", "2000", "ALL")
	if r := execute(t, []string{"ls"}, "REDIS_URL="+server.URL()); r.status != 0 || strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("exit status %d, %q, %s", r.status, r.stdout, r.stderr)
	}
}

// operatorCommand returns a command line of the program that is not started yet.
func operatorCommand(tb testing.TB, redisURL string, args ...string) *exec.Cmd {
	tb.Helper()
	return command(tb, args, "TERM=xterm", "REDIS_URL="+redisURL)
}

// addConversations writes n conversations to Redis with a script.
func addConversations(tb testing.TB, server *redistest.Server, n int) {
	tb.Helper()
	script := redis.NewScript(0, `
for i = 1, ARGV[1] do
  local from, token = string.format('+1202%07d', i), string.format('%043d', i)
  redis.call('SET', 'sms:conversation:+15005550006:' .. from, token, 'PX', 14400000)
  redis.call('SET', 'sms:session:' .. token, string.format('{"version":1,"counter":1,"from":"%s","to":"+15005550006",`+
		`"began":"%s","written":"%s","deadline":"2999-01-01T00:00:00Z","messages":"SM%032d=1"}', from, ARGV[2], ARGV[2], i), 'PX', 14400000)
end`)
	if _, err := script.Do(redistest.Conn(tb, server.Addr()), n, time.Now().UTC().Format(time.RFC3339)); err != nil {
		tb.Fatal(err)
	}
}

func TestLsIntoAClosedPipe(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	addConversations(t, server, 5000)
	cmd := operatorCommand(t, server.URL(), "ls", "--json")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	out.Close()
	if err := cmd.Wait(); err != nil || stderr.String() != "" || !json.Valid([]byte(line)) {
		t.Errorf("%v, %q, %q", err, line, stderr.String())
	}
}

func TestWatchPrintsEvents(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	startConversation(t, r, 2)
	redisURL := "REDIS_URL=" + server.URL()
	watch := start(t, []string{"watch", "--json", "--reveal", "--every", "100ms"}, redisURL)
	watch.waitForLog("watching 1 conversations", 1)
	s := newSender(t)
	for i, step := range []struct {
		event string
		do    func()
	}{
		{"began", func() { s.deliver(r.url, "/sms", webhooktest.NewSID(), "") }},
		{"continued", func() { s.deliver(r.url, "/sms", webhooktest.NewSID(), "") }},
		{"ended", func() { execute(t, []string{"end", s.From, "--to", s.To, "--yes"}, redisURL) }},
		{"began", func() { s.deliver(r.url, "/sms", webhooktest.NewSID(), "") }},
		{"gone", func() { execute(t, []string{"end", s.From, "--to", s.To, "--yes", "--erase"}, redisURL) }},
	} {
		step.do()
		webhooktest.Wait(t, step.event, func() bool { return strings.Count(watch.stdout(), "\n") > i })
		var seen struct{ Event, From string }
		if err := json.Unmarshal([]byte(strings.Split(watch.stdout(), "\n")[i]), &seen); err != nil ||
			seen.Event != step.event || seen.From != s.From {
			t.Errorf("%s: got %+v, %v", step.event, seen, err)
		}
	}
	watch.signal(os.Interrupt)
	if watch.wait() != 0 || strings.Count(watch.stdout(), "\n") != 5 {
		t.Errorf("exit status %d\n%s%s", watch.wait(), watch.stdout(), watch.stderr())
	}
}

func TestWatchWaitsForRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	s := startConversation(t, startReplica(t, server.URL()), 1)
	watch := start(t, []string{"watch", "--every", "100ms"}, "REDIS_URL="+server.URL())
	watch.waitForLog("watching 1 conversations", 1)
	server.Kill()
	watch.waitForLog("waiting until Redis answers", 1)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	execute(t, []string{"end", s.From, "--to", s.To, "--yes"}, "REDIS_URL="+server.URL())
	webhooktest.Wait(t, "the end of the conversation", func() bool {
		return strings.Contains(watch.stdout(), " ended ")
	})
	watch.signal(os.Interrupt)
	if watch.wait() != 0 || strings.Count(watch.stdout(), "\n") != 1 || strings.Count(watch.stderr(), "\n") != 1 {
		t.Errorf("exit status %d\n%s%s", watch.wait(), watch.stdout(), watch.stderr())
	}
}
