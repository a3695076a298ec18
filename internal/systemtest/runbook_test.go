package systemtest

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// The programs of a host on which the service runs in another way. They do only what the runbook's lines ask for.
const (
	fakeDocker = `#!/bin/sh
case "$*" in
"compose logs --no-log-prefix --since "*" sms-1 sms-2 sms-3") cat "$LOG" ;;
"compose exec -T redis redis-cli "*) shift 5; REDISCLI_AUTH=password exec redis-cli -p "$PORT" "$@" ;;
"compose exec sms-1 /smsession "*) shift 4; REDIS_URL=$URL exec "$PROGRAM" "$@" ;;
"compose exec -T sms-"?" /smsession health") exec "$PROGRAM" health --url "$READY" ;;
*) echo "docker does not know $*"; exit 64 ;;
esac
`
	fakeKubectl = `#!/bin/sh
case "$*" in
"-n smsession get secret smsession -o jsonpath={.data.REDIS_URL}") printf %s "$URL" | base64 -w 0 ;;
"-n smsession get pods -l app.kubernetes.io/name=smsession -o name") printf 'pod/one\npod/two\npod/three\n' ;;
"-n smsession logs -l app.kubernetes.io/name=smsession --since "*" --tail=-1") cat "$LOG" ;;
"-n smsession exec redis-0 -- redis-cli "*) shift 5; exec "$@" ;;
"-n smsession exec -it deployment/smsession -- /smsession "*) shift 7; REDIS_URL=$URL exec "$PROGRAM" "$@" ;;
"-n smsession exec pod/"*" -- /smsession health") exec "$PROGRAM" health --url "$READY" ;;
*) echo "kubectl does not know $*"; exit 64 ;;
esac
`
	fakeJournalctl = `#!/bin/sh
case "$*" in
"-u smsession@* -o cat --since -"*) cat "$LOG" ;;
*) echo "journalctl does not know $*"; exit 64 ;;
esac
`
)

// Values that the runbook has as examples.
const (
	exampleFrom, exampleTwin, exampleTo = "+12025550143", "+12029990143", "+15005550006"
	exampleToken, exampleSID            = "QehB1C", "SM1995e6f8ec981f0cb836b6cda381dc7b"
)

// typed has what each line of the runbook prints, by the beginning of the line. What cannot be typed here is "-".
var typed = map[string]string{
	`smsession show +12025550143 `:                 `(?s)state     live.*token begins QehB1C`,
	`smsession show '+1202•••0143' `:               `(?s)QehB1C.*several senders have the same masked number`,
	`smsession show --token QehB1C `:               `state     live`,
	`smsession show --token QehB1C --json | grep `: `^1\n$`,
	`smsession end --token QehB1C `:                `stdin or stderr is not a terminal: use --yes`, // at a terminal, it asks
	`smsession ls --sort count `:                   `QehB1C`,
	`smsession config `:                            `PUBLIC_URL`,
	`replicas`:                                     `^(\S+: ready\n){3}$`,

	`logs 4h | grep '"from":"+1202•••0143"'`:      `(?s)"result":"app_failed".*"result":"apology"`,
	`logs 4h | grep ` + exampleSID:                `(?s)"result":"app_failed".*"result":"apology"`,
	`logs | grep -v '"level":"INFO"' `:            `"result":"app_failed"`,
	`logs | grep -o '"result":`:                   `(?m)^ +1 "result":"app_failed"$`,
	`logs | grep '"status":503' `:                 `"result":"app_failed"`,
	`logs | grep -e '"result":"apology"' `:        `"result":"apology"`,
	`logs | grep '"msg":"panic"' `:                `^$`,
	`logs | grep 'Redis can' `:                    `"msg":"Redis can be used"`,
	`logs | grep quarantine `:                     `^$`,
	`logs | grep '"result":"bad_signature"' `:     `"result":"bad_signature"`,
	`logs | grep -oE '"app_fault":`:               `(?m)^ +2 "app_fault":"unreachable"$`,
	`logs | grep -e '"app_fault":"timeout"' `:     `^$`,
	`logs 1h | grep -v '"msg":"request"' | tail `: `"msg":"Redis can be used"`,

	`redis ping`:                        `^PONG\n$`,
	`redis --latency `:                  `^\d+ \d+ \d+\.\d\d \d+\n$`,
	`redis info persistence `:           `loading:0`,
	`redis info clients`:                `connected_clients:`,
	`redis info memory `:                `used_memory:`,
	`redis info server `:                `^redis_version:\d`,
	`redis slowlog get 10`:              `^(\n|\d)`,
	`redis config get maxmemory-policy`: `noeviction`,
	`redis config set `:                 `^NOPERM`, // as the text says
	`redis cluster info `:               `^NOPERM`, // only the user of a Cluster may do this
	`redis --scan --pattern `:           `^sms:quarantine:\{sms:session:x+\}\n$`,
	`key=`:                              `^$`,
	`redis type "$key"`:                 `^string\n$`,
	`redis strlen "$key" `:              `^7\n$`,
	`redis get "$key"`:                  `^damaged\n$`,

	`redis-cli -h sentinel `: "-", `docker compose exec caddy netstat `: "-", `ss -tnH `: "-", `docker run `: "-",
	`systemctl status `: "-", `kubectl describe nodes `: "-",
}

// night is a deployment at night: what its imitated programs need to know.
type night struct {
	redisURL, ready string
	env             []string
}

// startNight starts a Redis with the documented configuration and users, and a replica whose app does not answer. Redis
// has two conversations whose senders have the same masked number, and a record in quarantine.
func startNight(t *testing.T) night {
	t.Helper()
	users := found(t, shipped(t, "deploy/README.md"), `(?m)^(user .+)$`)
	if len(users) != 2 {
		t.Fatalf("the documented users are %q", users)
	}
	config := strings.Replace(shipped(t, "deploy/redis/redis.conf"), "dir /data", "dir "+t.TempDir(), 1)
	server := redistest.Start(t, redistest.Options{Config: config + strings.Join(users, "\n")})
	n := night{redisURL: "redis://smsession:password@" + server.Addr()}
	for _, c := range [][]string{
		{exampleFrom, exampleToken, exampleSID}, {exampleTwin, "f0xW_a", webhooktest.NewSID()},
	} {
		token := c[1] + strings.Repeat("x", 43-len(c[1]))
		n.set(t, "sms:conversation:"+exampleTo+":"+c[0], token)
		n.set(t, "sms:session:"+token, `{"version":1,"counter":1,"from":"`+c[0]+`","to":"`+exampleTo+`",`+
			`"began":"2026-01-01T00:00:00Z","written":"2026-01-01T00:00:00Z","deadline":"2999-01-01T00:00:00Z",`+
			`"messages":"`+c[2]+`=1"}`)
	}
	n.set(t, "sms:quarantine:{sms:session:"+strings.Repeat("x", 43)+"}", "damaged")
	r := startReplica(t, n.redisURL, anyApp, "APP_TIMEOUT=1s", "REQUEST_BUDGET=3s")
	s := newSender(t)
	s.From, s.To = exampleTwin, exampleTo // a message with this SID, but not a repeat
	s.deliver(r.url, "/sms", exampleSID, "")
	s.deliver(r.url, "/sms/fallback", exampleSID, "")
	if res, err := http.PostForm(r.url+"/sms", url.Values{"From": {exampleFrom}}); err == nil {
		res.Body.Close()
	}
	r.waitForLog(`"result":"apology"`, 1)
	r.waitForLog(`"result":"bad_signature"`, 1)
	n.ready = r.operator() + "/readyz"
	bin := t.TempDir()
	for name, text := range map[string]string{"docker": fakeDocker, "kubectl": fakeKubectl,
		"journalctl": fakeJournalctl, "log": r.stderr() + "\n"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(built(t, program), filepath.Join(bin, "smsession")); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(server.Addr(), ":")
	n.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "LOG=" + filepath.Join(bin, "log"), "PORT=" + port,
		"URL=" + n.redisURL, "READY=" + n.ready, "PROGRAM=" + filepath.Join(bin, "smsession"),
		"GORACE=atexit_sleep_ms=20"}
	return n
}

// set sets a key as the documented user.
func (n night) set(t *testing.T, key, value string) {
	t.Helper()
	out, err := exec.Command("redis-cli", "--no-auth-warning", "-u", n.redisURL, "set", key, value).CombinedOutput()
	if err != nil || string(out) != "OK\n" {
		t.Fatalf("set %s: %v, %s", key, err, out)
	}
}

// TestRunbookAsTyped types each line of the runbook, after the lines of each deployment, in each shell. The programs of
// the deployment are imitated. Redis with its configuration and its user, redis-cli and smsession are real.
func TestRunbookAsTyped(t *testing.T) {
	t.Parallel()
	n := startNight(t)
	for _, row := range []struct{ deployment, shell string }{
		{"Compose", "dash"}, {"Compose", "zsh"}, {"Kubernetes", "bash"}, {"Kubernetes", "zsh"},
		{"systemd", "dash"}, {"systemd", "bash"}, {"systemd", "zsh"},
	} {
		t.Run(row.deployment+" in "+row.shell, func(t *testing.T) {
			t.Parallel()
			n.typeLines(t, row.shell, n.setup(t, row.deployment))
		})
	}
}

// setup returns the lines that an operator of a deployment types first.
func (n night) setup(t *testing.T, deployment string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"smsession.env": shipped(t, "deploy/systemd/smsession.env"),
		"twilio_auth_token": webhooktest.AuthToken, "redis_url": n.redisURL + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := shellBlocks(t, "## What to type at night\n", "\n**"+deployment)[0]
	return strings.NewReplacer("/etc/smsession", dir, "http://127.0.0.1:1$1/readyz", n.ready).Replace(lines)
}

// typeLines types each line about a complaint and about the alerts, and compares what it prints with typed.
func (n night) typeLines(t *testing.T, shell, setup string) {
	t.Helper()
	blocks := shellBlocks(t, "### A customer complains\n", "")
	blocks = slices.Concat(blocks[:3], shellBlocks(t, "## Runbook\n", ""))
	used := map[string]bool{}
	for line := range strings.Lines(strings.Join(blocks, "")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		begin := ""
		for each := range typed {
			if strings.HasPrefix(line, each) && len(each) > len(begin) {
				begin = each
			}
		}
		used[begin] = true
		if begin == "" {
			t.Errorf("nothing says what this line prints: %s", line)
		}
		if begin == "" || typed[begin] == "-" {
			continue
		}
		line = strings.Replace(line, "<token>", strings.Repeat("x", 43), 1)
		cmd := exec.Command(shell, "-c", setup+line)
		cmd.Env = n.env
		if out, _ := cmd.CombinedOutput(); !regexp.MustCompile(typed[begin]).Match(out) {
			t.Errorf("%sprints\n%s", line, out)
		}
		if strings.HasPrefix(line, "key=") {
			setup += line
		}
	}
	for each := range typed {
		if !used[each] {
			t.Errorf("the runbook has no line that begins with %s", each)
		}
	}
}

// shellBlocks returns the blocks for a shell in deploy/README.md that are behind both texts.
func shellBlocks(t *testing.T, heading, text string) []string {
	t.Helper()
	_, rest, hasHeading := strings.Cut(shipped(t, "deploy/README.md"), heading)
	_, rest, hasText := strings.Cut(rest, text)
	if !hasHeading || !hasText {
		t.Fatalf("deploy/README.md has no %q with %q", heading, text)
	}
	return found(t, rest, "(?s)\n```sh\n(.*?)```\n")
}
