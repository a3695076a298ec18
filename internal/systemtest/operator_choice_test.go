package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"smsession/internal/devservice"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// copied is what an operator copies from a line of `smsession ls --json`.
type copied struct{ From, To, Token string }

// listAll returns the conversations as ls shows them.
func listAll(t *testing.T, settings ...string) (all []copied) {
	t.Helper()
	r := execute(t, []string{"ls", "--json"}, settings...)
	for line := range strings.Lines(r.stdout) {
		var one copied
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, r.stderr)
		}
		all = append(all, one)
	}
	return all
}

// TestOperatorsFindDev calls the operator's commands without REDIS_URL while dev runs, and while it does not.
func TestOperatorsFindDev(t *testing.T) {
	t.Parallel()
	d := startDev(t, "PORT=0", "ADMIN_ADDR=", "REDIS_PREFIX=my:")
	settings := runtimeOf(d)
	note := "smsession: REDIS_URL is not set: using the running smsession dev at " + d.file.URL
	if r := execute(t, []string{"ls", "--json"}, settings...); r.status != 0 || r.stdout != "" ||
		r.stderr != note+"\nsmsession: there is no live conversation" {
		t.Errorf("ls without a conversation: %+v", r)
	}
	if r := execute(t, []string{"phone", "hi"}, settings...); r.status != 0 {
		t.Fatalf("phone: %+v", r)
	}
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"ls"}, "FROM "},
		{[]string{"show", devservice.From}, devservice.From + " to +1500•••0006\n  state     live\n"},
		{[]string{"end", devservice.From, "--yes"}, devservice.From + " to +1500•••0006: ended after 1 message;"},
	} {
		r := execute(t, row.args, settings...)
		if r.status != 0 || !strings.HasPrefix(r.stdout, row.want) || r.stderr != note {
			t.Errorf("%q: %+v", row.args, r)
		}
	}
	watch := start(t, []string{"watch", "--every", "100ms"}, settings...)
	watch.waitForLog("watching 0 conversations", 1)
	watch.signal(os.Interrupt)
	if watch.wait() != 0 || !strings.HasPrefix(watch.stderr(), note+"\n") {
		t.Errorf("watch: exit status %d, %s", watch.wait(), watch.stderr())
	}
	if r := execute(t, []string{"ls", "--redis-prefix", "sms:"}, settings...); r.status != 2 ||
		!strings.Contains(r.stderr, "--redis-prefix needs --redis-url") {
		t.Errorf("ls with another prefix: %+v", r)
	}
	server := redistest.Start(t, redistest.Options{})
	if r := execute(t, []string{"ls"}, append(settings, "REDIS_URL="+server.URL())...); r.status != 0 ||
		r.stderr != "smsession: there is no live conversation" {
		t.Errorf("ls of another Redis: %+v", r)
	}
	if r := execute(t, []string{"ls"}, "XDG_RUNTIME_DIR="+t.TempDir()); r.status != 2 ||
		!strings.HasSuffix(r.stderr, "; or start smsession dev, whose Redis is then used") {
		t.Errorf("ls without dev: %+v", r)
	}
}

// TestOperatorsCopyFromLs gives show and end what ls prints.
func TestOperatorsCopyFromLs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	redisURL := "REDIS_URL=" + server.URL()
	one := startConversation(t, r, 2)
	startConversation(t, r, 1)
	all := listAll(t, redisURL)
	i := slices.IndexFunc(all, func(c copied) bool { return strings.HasSuffix(c.From, one.From[8:]) })
	if len(all) != 2 || i < 0 {
		t.Fatalf("ls prints %+v", all)
	}
	if table := execute(t, []string{"ls"}, redisURL); !strings.Contains(table.stdout, " "+all[i].Token+"\n") {
		t.Errorf("%s is not in\n%s", all[i].Token, table.stdout)
	}
	token := server.CLI("GET", "sms:conversation:"+one.To+":"+one.From)
	for name, args := range map[string][]string{
		"a token":                     {"--token=" + all[i].Token},
		"a longer token":              {"--token=" + token[:20]},
		"a masked number":             {all[i].From},
		"two masked numbers":          {all[i].From, "--to", all[i].To},
		"a number without its +":      {one.From[1:]},
		"a number as a person writes": {fmt.Sprintf("(%s) %s-%s", one.From[2:5], one.From[5:8], one.From[8:])},
	} {
		if x := execute(t, append([]string{"show"}, args...), redisURL); x.status != 0 ||
			!strings.Contains(x.stdout, "counter   2\n") || strings.Count(x.stdout, "counter ") != 1 {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if x := execute(t, []string{"end", "--token=" + all[i].Token, "--yes"}, redisURL); x.status != 0 ||
		x.stdout != all[i].From+" to +1500•••0006: ended after 2 messages; the next one begins a new conversation\n" {
		t.Errorf("end: %+v", x)
	}
	if left := listAll(t, redisURL); len(left) != 1 || left[0] != all[1-i] {
		t.Errorf("after the end, ls prints %+v", left)
	}
}

// TestOperatorsAreAskedWhichOne uses two senders with the same masked number, and two tokens that begin alike.
func TestOperatorsAreAskedWhichOne(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	redisURL := "REDIS_URL=" + server.URL()
	for from, token := range map[string]string{
		"+12025550143": strings.Repeat("x", 43), "+12029990143": strings.Repeat("x", 8) + strings.Repeat("y", 35),
	} {
		server.CLI("SET", "sms:conversation:+15005550006:"+from, token)
		server.CLI("SET", "sms:session:"+token, fmt.Sprintf(`{"version":1,"counter":1,"from":"%s","to":"+15005550006",`+
			`"began":"2026-01-01T00:00:00Z","written":"2026-01-01T00:00:00Z","deadline":"2999-01-01T00:00:00Z","messages":"SM%032d=1"}`, from, 1))
	}
	for _, args := range [][]string{{"+1202•••0143"}, {"--token", "xxxxxx"}} {
		for _, command := range [][]string{{"show"}, {"end", "--yes"}, {"end", "--yes", "--json"}} {
			x := execute(t, slices.Concat(command, args), redisURL)
			if x.status != 1 || x.stdout != "" || strings.Count(x.stderr, "+1202•••0143 ") != 2 ||
				!strings.Contains(x.stderr, " xxxxxxxxx\n") || !strings.Contains(x.stderr, " xxxxxxxxy\n") {
				t.Errorf("%q %q: %+v", command, args, x)
			}
		}
	}
	if x := execute(t, []string{"end", "--yes", "--token", "xxxxxxxxy"}, redisURL); x.status != 0 ||
		len(listAll(t, redisURL)) != 1 {
		t.Errorf("end with a longer token: %+v", x)
	}
	for _, args := range [][]string{{"show"}, {"end", "--yes", "--erase"}} {
		x := execute(t, append(args, "+1202•••0143"), redisURL)
		if x.status != 1 || strings.Count(x.stderr, " ended ") != 1 || strings.Count(x.stderr, "+1202•••0143 ") != 2 {
			t.Errorf("%q after one has ended: %+v", args, x)
		}
	}
	if x := execute(t, []string{"end", "--yes", "+1202•••0143"}, redisURL); x.status != 0 ||
		strings.Count(x.stdout, "ended after 1 message;") != 1 || len(listAll(t, redisURL)) != 0 {
		t.Errorf("end of the one that is live: %+v", x)
	}
}

func TestEndSeveral(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	redisURL := "REDIS_URL=" + server.URL()
	end := func(input string, args ...string) result {
		t.Helper()
		cmd := command(t, append([]string{"end", "--yes"}, args...), redisURL)
		cmd.Stdin = strings.NewReader(input)
		return executeCommand(t, cmd)
	}
	next := func(s *sender) int { return number(s.deliver(r.url, "/sms", webhooktest.NewSID(), "").Text()) }
	one, two, three := startConversation(t, r, 1), startConversation(t, r, 1), startConversation(t, r, 1)
	if x := end("", one.From, two.From); x.status != 0 || strings.Count(x.stdout, "ended after 1 message;") != 2 ||
		next(one) != 1 || next(two) != 1 || next(three) != 2 {
		t.Errorf("two numbers: %+v", x)
	}
	if x := end(one.From+"\r\n\n  "+two.From[2:]+"\n+12025559999\n", "-"); x.status != 1 ||
		strings.Count(x.stdout, "ended after 1 message;") != 2 || x.stderr != "smsession: there is no conversation of "+
		"+1202•••9999\nsmsession: 1 of 3 numbers have no conversation" || next(one) != 1 || next(three) != 3 {
		t.Errorf("a list: %+v", x)
	}
	if x := end(one.From+"\n"+`{"from":"S3cr3t"}`, "-"); x.status != 2 || next(one) != 2 ||
		!strings.HasSuffix(x.stderr, "line 2 of standard input is JSON and not a number: use jq -r .from") {
		t.Errorf("a list of JSON: %+v", x)
	}
	other := *one.Sender
	other.To = webhooktest.NewNumber()
	elsewhere := &sender{&other}
	if n := next(elsewhere); n != 1 {
		t.Fatalf("with another number of ours, the first message is number %d", n)
	}
	if x := end("", "--to", other.To, "--json"); x.status != 0 || strings.Count(x.stdout, `"what":"ended"`) != 1 ||
		next(elsewhere) != 1 || next(one) != 3 {
		t.Errorf("a number of ours: %+v", x)
	}
	if x := end("", "--to", one.To); x.status != 0 || strings.Count(x.stdout, "ended after 3 messages;") != 2 ||
		strings.Count(x.stdout, "\n") != 2 || next(three) != 1 {
		t.Errorf("another number of ours: %+v", x)
	}
}
