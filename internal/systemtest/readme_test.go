package systemtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/redistest"
	"smsession/internal/session/record"
	"smsession/internal/webhooktest"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withRedis defines redis as an operator without a password does.
const withRedis = `redis() { redis-cli -u "$REDIS_URL" "$@"; }` + "\n"

// TestRunbookCommands runs the commands of the runbook with sh and the real redis-cli.
func TestRunbookCommands(t *testing.T) {
	t.Parallel()
	block := withRedis + shellBlocks(t, "### With redis-cli alone\n", "")[0]
	for name, app := range map[string]string{
		"a conversation without an app is ended": "",
		"an app cannot pretend that it is ended": `,"app":{"cookies":[],"ended":"2026-11-28T09:58:50Z",` +
			`"deadline":"x","app":{},"messages":"SM9=9","data":{"version":2,"counter":9,"messages":"x","ended":true}}`,
	} {
		redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
			t.Run(name, func(t *testing.T) { runRunbook(t, b, block, app) })
		})
	}
}

// runRunbook runs the commands in a conversation of two messages whose record has the given field, while there is
// another conversation with this field.
func runRunbook(t *testing.T, b *redistest.Backend, block, field string) {
	t.Helper()
	r := startReplica(t, b.URL)
	s, other := newSender(t), newSender(t)
	for _, sender := range []*sender{s, other, s} {
		if _, err := sender.Send(r.url, "/sms", webhooktest.NewSID(), ""); err != nil {
			t.Fatal(err)
		}
	}
	conn := redistest.Conn(t, b.Addr)
	get := func(key string) string {
		text, err := redis.String(conn.Do("GET", key))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var keys, before []string
	for i, sender := range []*sender{s, other} {
		keys = append(keys, "sms:session:"+get("sms:conversation:"+sender.To+":"+sender.From))
		before = append(before, strings.Replace(get(keys[i]), `,"messages"`, field+`,"messages"`, 1))
		if _, err := conn.Do("SET", keys[i], before[i], "KEEPTTL"); err != nil {
			t.Fatal(err)
		}
	}
	block = strings.Replace(block, "from=+12025550143", "from="+s.From, 1)
	cmd := exec.Command("sh", "-eu", "-c", block)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "REDIS_URL=" + b.URL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{"sms:conversation:" + s.To + ":" + s.From, `"counter":2`, "14", "ended", "1"} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Fatalf("line %d should contain %q:\n%s", i+1, want, out)
		}
	}
	checkEndedRecord(t, before[0], get(keys[0]))
	if a, err := s.Send(r.url, "/sms", webhooktest.NewSID(), ""); err != nil || a.Text() != webhooktest.Greeting(1) {
		t.Errorf("the next message gets %q, %v", a.Text(), err)
	}
}

// checkEndedRecord checks that the commands have ended a record as the service does.
func checkEndedRecord(t *testing.T, before, after string) {
	t.Helper()
	old, err := record.Parse([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Parse([]byte(after))
	if err == nil && (string(r.Front()) == string(old.Front()) || len(r.Front()) == len(after)) {
		t.Errorf("the record has no new revision: %s", after)
	}
	if err != nil || r.Ended.IsZero() || r.Counter != 0 || len(r.Data) > 0 || !r.Began.Equal(old.Began) ||
		!maps.Equal(maps.Collect(r.Messages()), maps.Collect(old.Messages())) {
		t.Errorf("the record was\n%s\nand is, %v,\n%s", before, err, after)
	}
}

// TestRedisURLWithPassword uses the URLs of the documentation with redis-cli, which reads the text before the colon as
// a user name, even if it is empty.
func TestRedisURLWithPassword(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Password: "password"})
	server.CLI("ACL", "SETUSER", "smsession", "on", ">password", "~*", "+@all")
	text := shipped(t, "deploy/README.md")
	for name, text := range map[string]string{
		"a password without a user": strings.SplitAfter(text, "password is written as ")[1],
		"systemd":                   strings.SplitAfter(text, "## systemd")[1],
	} {
		login := found(t, text, `(\w*:password@)`)[0]
		redisURL := "redis://" + login + server.Addr()
		cmd := exec.Command("redis-cli", "-u", redisURL, "ping")
		if out, err := cmd.Output(); err != nil || string(out) != "PONG\n" {
			t.Errorf("%s: redis-cli -u with %s: %v, %s", name, login, err, out)
		}
		if r := execute(t, []string{"ls"}, "REDIS_URL="+redisURL); r.status != 0 {
			t.Errorf("%s: smsession ls with %s: %s", name, login, r.stderr)
		}
	}
}

func TestRunbookCountOfConversations(t *testing.T) {
	_, count, _ := strings.Cut(shipped(t, "deploy/README.md"), "# count the live conversations")
	_, count, _ = strings.Cut(count, "\n")
	count, _, _ = strings.Cut(count, "\n\n")
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		for _, what := range []string{"nothing", "a pointer without a record"} {
			cmd := exec.Command("sh", "-eu", "-c", withRedis+count)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "REDIS_URL=" + b.URL}
			if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "0" {
				t.Errorf("with %s, the count is %q, %v", what, out, err)
			}
			if _, err := conn.Do("SET", "sms:conversation:a:b", strings.Repeat("T", 43)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestReadmeHasEverySetting(t *testing.T) {
	text := readme(t)
	for _, s := range config.Defaults().Settings() {
		row := "| `" + s.Name + "` | "
		if s.Value != "" && s.Name != "PPROF" {
			row += "`" + s.Value + "` |"
		}
		if !strings.Contains(text, row) {
			t.Errorf("the table of settings has no row %q", row)
		}
	}
}

// TestDocumentedRightsAreEnough runs the service with the documented rights less those that are only for operators. The
// other tests of a narrow user use the same rights.
func TestDocumentedRightsAreEnough(t *testing.T) {
	rights, _, _ := strings.Cut(documentedRights(t), " +config|get +info +scan ")
	if other := strings.Join(narrow()[4:], " "); other != rights {
		t.Errorf("the documented rights are\n%s, other tests use\n%s", rights, other)
	}
	args := append([]string{"--user", "app", "on", ">secret"}, strings.Fields(rights)...)
	server := redistest.Start(t, redistest.Options{Args: args})
	checkRightsOfTurns(t, server)
	r := startReplica(t, "redis://app:secret@"+server.Addr())
	s := newSender(t)
	first, err := s.Send(r.url, "/sms", webhooktest.NewSID(), "")
	if err != nil || first.Text() != webhooktest.Greeting(1) {
		t.Fatalf("the first message gets %q, %v", first.Text(), err)
	}
	conn := redistest.Conn(t, server.Addr())
	for _, put := range [][]any{
		{"HSET", "a", "1"}, {"RPUSH", "a"}, {"SADD", "a"}, {"ZADD", "1", "a"}, {"XADD", "*", "a", "1"}, {"SET", "broken"},
	} {
		key := "sms:session:" + first.Cookie
		if _, err := conn.Do("DEL", key); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Do(put[0].(string), append([]any{key}, put[1:]...)...); err != nil {
			t.Fatal(err)
		}
		if first, err = s.Send(r.url, "/sms", webhooktest.NewSID(), first.Cookie); err != nil ||
			first.Text() != webhooktest.Greeting(1) {
			t.Fatalf("after %v, the message gets %q, %v\n%s", put[0], first.Text(), err, r.stderr())
		}
		if first, err = s.Send(r.url, "/sms", webhooktest.NewSID(), first.Cookie); err != nil ||
			first.Text() != webhooktest.Greeting(2) {
			t.Fatalf("the second message gets %q, %v", first.Text(), err)
		}
	}
}

// documentedRights returns the rights of the Redis user in deploy/README.md.
func documentedRights(t *testing.T) string {
	t.Helper()
	return found(t, shipped(t, "deploy/README.md"), `\nuser default reset\nuser smsession on >password (.+)\n`)[0]
}

// checkRightsOfTurns checks that the rights are enough for a message that waits for its turn to call an app.
func checkRightsOfTurns(t *testing.T, server *redistest.Server) {
	t.Helper()
	r := startReplica(t, "redis://app:secret@"+server.Addr(), "APP_URL="+startCookieApp(t, "").URL)
	s := newSender(t)
	turn := "sms:turn:" + s.To + ":" + s.From
	if _, err := redistest.Conn(t, server.Addr()).Do("SET", turn, "another replica", "PX", 500); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Send(r.url, "/sms", webhooktest.NewSID(), ""); err != nil || a.Text() != webhooktest.Greeting(1) {
		t.Errorf("behind an app, the message gets %q, %v\n%s", a.Text(), err, r.stderr())
	}
	if n := sum(scrape(t, r), "smsession_retries_total"); n > 0 { // a script that Redis refuses is tried again
		t.Errorf("Redis has refused the message %v times", n)
	}
}

func TestStartFailsWithoutScripts(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~sms:*", "+get",
		"+set", "+ping"}})
	r := execute(t, []string{"serve"}, "PUBLIC_URL="+webhooktest.PublicURL, "TWILIO_AUTH_TOKEN="+webhooktest.AuthToken,
		"REDIS_URL=redis://app:secret@"+server.Addr(), "ADDR=127.0.0.1:0", "ADMIN_ADDR=")
	if r.status != 1 || !strings.Contains(r.stderr, "NOPERM") {
		t.Errorf("exit status %d, %s", r.status, r.stderr)
	}
}

// TestReadmeResponder compiles the responder of README.md next to the counter.
func TestReadmeResponder(t *testing.T) {
	_, block, _ := strings.Cut(readme(t), "```go\n")
	block, _, _ = strings.Cut(block, "```")
	block, wiring, found := strings.Cut(block, "var responder ")
	const line = "var responder conversation.Responder = "
	if !found || !strings.Contains(shipped(t, "internal/replica/replica.go"), line) {
		t.Errorf("the line of wiring is missing: %q", wiring)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module conversation\n\n" + regexp.MustCompile(`go \S+`).FindString(shipped(t, "go.mod")),
		"conversation.go": shipped(t, "internal/conversation/conversation.go"),
		"thanks.go": "package conversation\n\nimport (\n\"context\"\n\"strconv\"\n)\n\ntype Thanks struct{}\n\n" +
			"var _ Responder = Thanks{}\n" + block,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "-C", dir, "vet", ".").CombinedOutput(); err != nil {
		t.Errorf("the responder does not compile: %v\n%s", err, out)
	}
}
