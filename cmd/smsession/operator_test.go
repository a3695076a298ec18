package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
)

// conversationFor has a sender text n messages to a replica.
func conversationFor(tb testing.TB, r *replica, n int) *sender {
	tb.Helper()
	s := newSender()
	for i := range n {
		if got := s.deliver(r.url, "/sms", newSID(), ""); got.status != 200 || number(got.text()) != i+1 {
			tb.Fatalf("message %d: %d %q", i+1, got.status, got.body)
		}
	}
	return s
}

func TestAnOperatorListsShowsAndEndsAConversation(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	redisURL := "REDIS_URL=" + server.URL()
	one, two := conversationFor(t, r, 3), conversationFor(t, r, 1)

	ls := execute(t, []string{"ls"}, redisURL)
	if lines := strings.Split(ls.printed(), "\n"); ls.wait() != 0 || len(lines) != 4 || !strings.HasPrefix(lines[0], "FROM ") ||
		!strings.Contains(ls.printed(), "+1202•••"+one.from[8:]) || !strings.Contains(ls.printed(), "3h59m") {
		t.Errorf("ls: exit status %d\n%s%s", ls.wait(), ls.printed(), ls.log())
	}
	if strings.Contains(ls.printed(), one.from) || strings.Contains(ls.printed(), one.to) {
		t.Errorf("ls shows whole numbers:\n%s", ls.printed())
	}
	if top := execute(t, []string{"ls", "--sort", "count", "--limit", "1", "--reveal"}, redisURL); !strings.Contains(top.printed(), one.from) || strings.Contains(top.printed(), two.from) {
		t.Errorf("ls --sort count: %s%s", top.printed(), top.log())
	}
	if some := execute(t, []string{"ls", "--limit", "1"}, redisURL); some.wait() != 0 || strings.Count(some.printed(), "\n") != 2 {
		t.Errorf("ls --limit 1: %s%s", some.printed(), some.log())
	}
	show := execute(t, []string{"show", one.from}, redisURL)
	if show.wait() != 0 || !strings.Contains(show.printed(), one.from+" to +1500•••0006\n  state     live\n") || !strings.Contains(show.printed(), "counter   3\n") {
		t.Errorf("show: exit status %d\n%s%s", show.wait(), show.printed(), show.log())
	}
	raw := execute(t, []string{"show", "--json", "--to", one.to, one.from}, redisURL)
	if want := server.CLI("GET", "sms:session:"+server.CLI("GET", "sms:conversation:"+one.to+":"+one.from)); raw.printed() != want+"\n" {
		t.Errorf("show --json: %q, in Redis it is %q", raw.printed(), want)
	}

	end := execute(t, []string{"end", one.from, "--yes"}, redisURL)
	if end.wait() != 0 || end.printed() != one.from+" to +1500•••0006: ended after 3 messages; the next one begins a new conversation\n" {
		t.Errorf("end: exit status %d\n%s%s", end.wait(), end.printed(), end.log())
	}
	if again := execute(t, []string{"end", one.from, "-y", "--json"}, redisURL); again.wait() != 0 || !strings.Contains(again.printed(), `"what":"ended before"`) {
		t.Errorf("end again: exit status %d\n%s%s", again.wait(), again.printed(), again.log())
	}
	if ls := execute(t, []string{"ls", "--json", "--from", one.from}, redisURL); ls.wait() != 0 || ls.printed() != "" {
		t.Errorf("ls of an ended one: %s%s", ls.printed(), ls.log())
	}
	if n := number(one.deliver(r.url, "/sms", newSID(), "").text()); n != 1 {
		t.Errorf("the next message is number %d", n)
	}
	erase := execute(t, []string{"end", one.from, "--to", one.to, "--yes", "--erase"}, redisURL)
	if erase.wait() != 0 || !strings.Contains(erase.printed(), "may be counted again") || strings.Contains(server.CLI("KEYS", "*"), one.from) {
		t.Errorf("end --erase: exit status %d\n%s%s", erase.wait(), erase.printed(), erase.log())
	}
}

func TestWhatAnOperatorCannotHaveIsASentence(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Password: "S3cr3t", Args: []string{"--user", "blind", "on", ">S3cr3t", "~sms:*", "+get", "+ping"}})
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
		{"ls where SCAN is forbidden", "it needs SCAN, GET, STRLEN and PTTL, on a Cluster also CLUSTER SLOTS, and the keys", blind, []string{"ls"}, 1},
		{"ls of a Redis that is not there", "refused", "redis://127.0.0.1:1", []string{"ls"}, 1},
		{"ls in no order", "--sort must be one of count, idle, left, began", server.URL(), []string{"ls", "--sort", "S3cr3t"}, 2},
		{"ls of none", "--limit must be a whole number", server.URL(), []string{"ls", "--limit", "0"}, 2},
		{"ls in order of too many", "from 1 to 100000", server.URL(), []string{"ls", "--sort=count", "--limit=100001"}, 2},
		{"show of an unknown number", "no conversation of that number", server.URL(), []string{"show", "+15551234567"}, 1},
		{"show of an unknown number of ours", "no conversation of that number", server.URL(), []string{"show", "+15551234567", "--to", "+1"}, 1},
		{"show of nobody", "an argument is missing", server.URL(), []string{"show"}, 2},
		{"show where PTTL is forbidden", "it needs", blind, []string{"show", "+1", "--to", "+2"}, 1},
		{"show of a variable without a value", "a number is empty", server.URL(), []string{"show", ""}, 2},
		{"end of a variable without a value", "a number is empty", server.URL(), []string{"end", "", "--yes"}, 2},
		{"end with a number of ours that has no value", "a number is empty", server.URL(), []string{"end", "+15551234567", "--to", "", "--yes"}, 2},
		{"ls of a variable without a value", "a number is empty", server.URL(), []string{"ls", "--from="}, 2},
		{"end of an unknown number", "no conversation of that number", server.URL(), []string{"end", "+15551234567", "--yes"}, 1},
		{"end where nobody can be asked", "stdin or stderr is not a terminal: use --yes", server.URL(), []string{"end", "+15551234567"}, 2},
		{"end with the wrong password", "refuses us", elsewhere, []string{"end", "+1", "--to", "+2", "--yes"}, 1},
		{"watch with the wrong password", "refuses us", elsewhere, []string{"watch"}, 1},
		{"watch of a Redis that is not there", "refused", "redis://127.0.0.1:1", []string{"watch"}, 1},
		{"watch without a pause", "--every must be at least 100ms", server.URL(), []string{"watch", "--every", "1ms"}, 2},
		{"watch of nobody", "--limit must be a whole number", server.URL(), []string{"watch", "--limit", "0"}, 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := execute(t, row.args, "REDIS_URL="+row.redisURL)
			said := r.log()
			if r.wait() != row.status || !strings.Contains(said, row.want) || strings.Contains(said, "\n") || r.printed() != "" {
				t.Errorf("exit status %d, %q, %q", r.wait(), said, r.printed())
			}
			if strings.Contains(strings.ToLower(said), "s3cr3t") || strings.Contains(said, "wr0ng") || strings.Contains(said, "5551234567") {
				t.Errorf("a secret or a number is in %q", said)
			}
		})
	}
}

// A user who may do just what the commands name.
func TestAnOperatorNeedsNoMoreThanIsSaid(t *testing.T) {
	granted := func(name string, commands ...string) []string {
		return append([]string{"--user", name, "on", ">S3cr3t", "~sms:*"}, commands...)
	}
	rules := append(granted("reader", "+scan", "+get", "+strlen", "+pttl"),
		granted("ender", "+scan", "+get", "+strlen", "+pttl", "+set", "+del", "+type", "+eval", "+evalsha")...)
	rules = append(rules, granted("halfway", "+scan", "+get", "+strlen", "+pttl", "+type", "+eval", "+evalsha", "(+del ~sms:session:*)")...)
	server := redistest.Start(t, redistest.Options{Args: rules})
	r := startReplica(t, server.URL())
	s := conversationFor(t, r, 1)
	as := func(user string) string {
		return "REDIS_URL=" + strings.Replace(server.URL(), "redis://", "redis://"+user+":S3cr3t@", 1)
	}
	for _, args := range [][]string{{"ls"}, {"ls", "--sort", "left"}, {"ls", "--from", s.from, "--to", s.to}, {"show", s.from}} {
		if r := execute(t, args, as("reader")); r.wait() != 0 || r.printed() == "" {
			t.Errorf("%q: exit status %d, %q, %s", args, r.wait(), r.printed(), r.log())
		}
	}
	if r := execute(t, []string{"end", s.from, "--yes"}, as("reader")); r.wait() != 1 || !strings.Contains(r.log(), "it needs SCAN, GET, STRLEN, PTTL, SET") || strings.Contains(r.log(), "may be") {
		t.Errorf("end by a reader: exit status %d, %s", r.wait(), r.log())
	}
	if r := execute(t, []string{"end", s.from, "--yes", "--erase"}, as("halfway")); r.wait() != 1 ||
		!strings.Contains(r.log(), "may be erased in part") || !strings.Contains(r.log(), "it needs SCAN, GET, STRLEN, PTTL, SET, DEL") {
		t.Errorf("an erasure that is refused half way: exit status %d, %s", r.wait(), r.log())
	}
	if left := server.CLI("KEYS", "sms:*"); strings.Contains(left, "sms:session:") || !strings.Contains(left, "sms:conversation:") {
		t.Errorf("the record should be deleted and the pointer not: there is %s", left)
	}
	s = conversationFor(t, r, 1)
	for _, args := range [][]string{{"end", s.from, "--yes"}, {"end", s.from, "--yes", "--erase"}} {
		if r := execute(t, args, as("ender")); r.wait() != 0 {
			t.Errorf("%q: exit status %d, %s", args, r.wait(), r.log())
		}
	}
}

// A message could not wait so long; who has none to answer can.
func TestAListWaitsForARedisThatIsBusy(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	fillLive(t, server, 1)
	server.CLI("CLIENT", "PAUSE", "2000", "ALL")
	if r := execute(t, []string{"ls"}, "REDIS_URL="+server.URL()); r.wait() != 0 || strings.Count(r.printed(), "\n") != 2 {
		t.Errorf("exit status %d, %q, %s", r.wait(), r.printed(), r.log())
	}
}

// operatorProcess is a command line of the program, not yet started.
func operatorProcess(tb testing.TB, redisURL string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0], args...)
	cmd.Env = []string{roleVariable + "=smsession", "PATH=" + os.Getenv("PATH"), "TERM=xterm", "GORACE=atexit_sleep_ms=20", "REDIS_URL=" + redisURL}
	cmd.SysProcAttr = childAttributes()
	return cmd
}

// fillLive puts n conversations into Redis, with a script.
func fillLive(tb testing.TB, server *redistest.Server, n int) {
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

func TestAReaderWhoHasSeenEnoughIsNoError(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	fillLive(t, server, 5000)
	cmd := operatorProcess(t, server.URL(), "ls", "--json")
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

// await waits until something has come about. How long that takes is the machine's affair: the deadline is for what never
// does.
func await(tb testing.TB, what string, came func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if came() {
			return
		}
	}
	tb.Fatalf("waited in vain for %s", what)
}

func TestAWatchPrintsEvents(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	conversationFor(t, r, 2)
	redisURL := "REDIS_URL=" + server.URL()
	watch := start(t, "smsession", []string{"watch", "--json", "--reveal", "--every", "100ms"}, []string{redisURL})
	await(t, "it to watch", func() bool { return strings.Contains(watch.log(), "watching 1 conversations") })
	s := newSender()
	for i, step := range []struct {
		event string
		do    func()
	}{
		{"began", func() { s.deliver(r.url, "/sms", newSID(), "") }},
		{"spoke", func() { s.deliver(r.url, "/sms", newSID(), "") }},
		{"ended", func() { execute(t, []string{"end", s.from, "--to", s.to, "--yes"}, redisURL) }},
		{"began", func() { s.deliver(r.url, "/sms", newSID(), "") }},
		{"gone", func() { execute(t, []string{"end", s.from, "--to", s.to, "--yes", "--erase"}, redisURL) }},
	} {
		step.do()
		await(t, step.event, func() bool { return strings.Count(watch.printed(), "\n") > i })
		var seen struct{ Event, From string }
		if err := json.Unmarshal([]byte(strings.Split(watch.printed(), "\n")[i]), &seen); err != nil || seen.Event != step.event || seen.From != s.from {
			t.Errorf("%s: got %+v, %v", step.event, seen, err)
		}
	}
	watch.signal(os.Interrupt)
	if watch.wait() != 0 || strings.Count(watch.printed(), "\n") != 5 {
		t.Errorf("exit status %d\n%s%s", watch.wait(), watch.printed(), watch.log())
	}
}

func TestAWatchWaitsForARedisThatGoesAway(t *testing.T) {
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	s := conversationFor(t, startReplica(t, server.URL()), 1)
	watch := start(t, "smsession", []string{"watch", "--every", "100ms"}, []string{"REDIS_URL=" + server.URL()})
	await(t, "it to watch", func() bool { return strings.Contains(watch.log(), "watching 1 conversations") })
	server.Kill()
	await(t, "word that Redis is away", func() bool { return strings.Contains(watch.log(), "waiting until Redis answers") })
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	execute(t, []string{"end", s.from, "--to", s.to, "--yes"}, "REDIS_URL="+server.URL())
	await(t, "the end of the conversation", func() bool { return strings.Contains(watch.printed(), " ended ") })
	watch.signal(os.Interrupt)
	if watch.wait() != 0 || strings.Count(watch.printed(), "\n") != 1 || strings.Count(watch.log(), "\n") != 1 {
		t.Errorf("exit status %d\n%s%s", watch.wait(), watch.printed(), watch.log())
	}
}

// Parts of an error may be what others sent.
func TestAnErrorIsOneLineThatDoesNothingToATerminal(t *testing.T) {
	err := errors.Join(errors.New("Twilio says \x1b[2Jhello\rbye"), errors.New("and \u202eno more"))
	if got, want := sentence(err), `Twilio says \x1b[2Jhello\rbye; and \u202eno more`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
