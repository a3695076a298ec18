package systemtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// kustomize is pinned here and not in go.mod, where it would be a dependency of the program.
const kustomize = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"

// underWay is how long a message may take: Twilio waits no longer.
const underWay = 15 * time.Second

// shipped reads a file of the repository.
func shipped(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// found returns what the first group of a pattern matches in a text, each time.
func found(t *testing.T, text, pattern string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	if all == nil {
		t.Fatalf("nothing fits %s in:\n%s", pattern, text)
	}
	return all
}

// seconds is a duration in a file, such as 5s, 5 or 5000000000.
func seconds(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	value := found(t, text, pattern)[0]
	if n, err := strconv.Atoi(value); err == nil && n < 1e9 {
		return time.Duration(n) * time.Second
	} else if err == nil {
		return time.Duration(n)
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// accepted reports settings that the program refuses.
func accepted(t *testing.T, settings []string) {
	t.Helper()
	if r := execute(t, []string{"config"}, settings...); r.status != 0 {
		t.Errorf("the settings %q are refused:\n%s", settings, r.stderr)
	}
}

// TestEveryWayOfDeployingLeavesTimeToDrain holds what a platform waits before it kills to what the service is told.
func TestEveryWayOfDeployingLeavesTimeToDrain(t *testing.T) {
	_, replica, _ := strings.Cut(shipped(t, "docker-compose.yml"), "\nx-replica:")
	replica, _, _ = strings.Cut(replica, "\nservices:")
	manifests := render(t, "base")
	rows := []struct{ name, settings, drain, platform, grace string }{
		{"compose", replica, `DRAIN_DELAY: (\w+)`, replica, `stop_grace_period: (\w+)`},
		{"kubernetes", manifests, `DRAIN_DELAY: (\w+)`, manifests, `terminationGracePeriodSeconds: (\w+)`},
		{"systemd", shipped(t, "deploy/systemd/smsession.env"), `DRAIN_DELAY=(\w+)`,
			shipped(t, "deploy/systemd/smsession@.service"), `TimeoutStopSec=(\w+)`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			drain, grace := seconds(t, row.settings, row.drain), seconds(t, row.platform, row.grace)
			if grace <= drain+underWay {
				t.Errorf("%v are too few for %v and what is under way then", grace, drain)
			}
		})
	}
}

// TestTheBalancersNoticeInTime holds how often a replica is asked, and how long a connection to it is kept, to what it
// does by itself.
func TestTheBalancersNoticeInTime(t *testing.T) {
	const idle = 15 * time.Second // the service closes what was idle for so long
	out, err := exec.Command("caddy", "adapt", "--config", caddyfile, "--adapter", "caddyfile").Output()
	if err != nil {
		t.Fatalf("Caddy does not take the Caddyfile: %v", err)
	}
	caddy, manifests := string(out), render(t, "base")
	drain := seconds(t, shipped(t, "docker-compose.yml"), `DRAIN_DELAY: (\w+)`)
	if interval := seconds(t, caddy, `"interval":(\d+)`); 3*interval > drain {
		t.Errorf("Caddy asks every %v; three times that is more than %v", interval, drain)
	}
	if kept := seconds(t, caddy, `"keep_alive":{"idle_timeout":(\d+)`); kept >= idle {
		t.Errorf("Caddy keeps connections for %v, the service for %v", kept, idle)
	}
	budget := config.Defaults().RequestBudget
	dial, try := seconds(t, caddy, `"dial_timeout":(\d+)`), seconds(t, caddy, `"try_duration":(\d+)`)
	if try+dial+budget >= underWay {
		t.Errorf("Caddy tries to connect for %v and %v, and the replica waits for Redis for %v: Twilio has hung up", try, dial, budget)
	}
	if interval := seconds(t, caddy, `"interval":(\d+)`); try < 2*interval {
		t.Errorf("Caddy tries for %v, which is less than it needs to notice that a replica is gone (%v)", try, interval)
	}
	if strings.Contains(caddy, `"passive"`) || strings.Contains(caddy, `"retry_match"`) {
		t.Error("requests of clients decide which replicas are healthy, or Caddy repeats a message that may have arrived")
	}
	_, probe, _ := strings.Cut(manifests, "readinessProbe:")
	period, failures := seconds(t, probe, `periodSeconds: (\d+)`), found(t, probe, `failureThreshold: (\d+)`)[0]
	if n, err := strconv.Atoi(failures); err != nil || n < 2 || time.Duration(n)*period >= drain {
		t.Errorf("Kubernetes asks every %v and believes answer %s, the service drains for %v", period, failures, drain)
	}
}

// render is what kustomize makes of a folder of manifests.
func render(t *testing.T, folder string) string {
	t.Helper()
	cmd := exec.Command("go", "run", kustomize, "build", "../../deploy/kubernetes/"+folder)
	var said lockedBuffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kustomize: %v\n%s", err, said.String())
	}
	if strings.Contains(said.String(), "Warning") {
		t.Errorf("kustomize: %s", said.String())
	}
	return string(out)
}

func TestTheManifestsRenderToWhatTheyPromise(t *testing.T) {
	manifests := render(t, "example")
	kinds := found(t, manifests, `(?m)^kind: (\w+)`)
	slices.Sort(kinds)
	if want := []string{"ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service"}; !slices.Equal(kinds, want) {
		t.Errorf("the kinds are %q, not %q: a Secret above all has no place in a file", kinds, want)
	}
	for _, promise := range []string{
		"image: registry.example.com/smsession:v1.0.0",
		"path: /readyz", "path: /healthz",
		"runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "automountServiceAccountToken: false",
		"maxUnavailable: 0",
		"publishNotReadyAddresses: true",
		`ssl-redirect: "false"`,
		"proxy-next-upstream: error non_idempotent\n", `proxy-next-upstream-timeout: "4"`,
		"  egress:\n  - ports:\n    - port: 53\n",                                           // no selector of pods fits NodeLocal DNSCache
		"    - podSelector:\n        matchLabels:\n          app.kubernetes.io/name: redis", // includeSelectors would make it smsession
		"  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: smsession",
	} {
		if !strings.Contains(manifests, promise) {
			t.Errorf("there is no %q in\n%s", promise, manifests)
		}
	}
	_, data, _ := strings.Cut(manifests, "apiVersion: v1\ndata:\n")
	data, _, _ = strings.Cut(data, "kind: ConfigMap")
	settings := []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken, "REDIS_URL=redis://redis"}
	for _, match := range regexp.MustCompile(`(?m)^  (\w+): (.*)$`).FindAllStringSubmatch(data, -1) {
		settings = append(settings, match[1]+"="+match[2])
	}
	if len(settings) < 4 {
		t.Errorf("the ConfigMap has only %q", settings)
	}
	accepted(t, settings)
}

func TestPrometheusTakesItsConfigurationAndItsRules(t *testing.T) {
	out, err := exec.Command("promtool", "check", "config", "../../deploy/prometheus/prometheus.yml").CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`SUCCESS: [1-9]\d* rules found`).Match(out) {
		t.Errorf("promtool has found no rules:\n%s", out)
	}
}

// TestTheShippedRedisConfigurationKeepsSessions runs a real Redis on it, and kills that.
func TestTheShippedRedisConfigurationKeepsSessions(t *testing.T) {
	file := withoutLines(shipped(t, "deploy/redis/redis.conf"), "bind ", "port ", "dir ") // this machine's are others
	server := redistest.Start(t, redistest.Options{Config: file})
	conn := redistest.Conn(t, server.Addr())
	for _, row := range []struct{ name, want string }{
		{"appendonly", "yes"}, {"appendfsync", "always"}, {"maxmemory-policy", "noeviction"}, {"maxmemory", "536870912"}, {"save", ""},
	} {
		got, err := redis.Strings(conn.Do("CONFIG", "GET", row.name))
		if err != nil || len(got) != 2 || got[1] != row.want {
			t.Errorf("%s is %q, %v", row.name, got, err)
		}
	}
	r := startReplica(t, server.URL())
	s := newSender(t)
	report(t, checkCounts([]reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 1))
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	report(t, checkCounts([]reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 2, 2))
	if strings.Contains(r.stderr(), `"warning":`) {
		t.Errorf("the service has something against it:\n%s", r.stderr())
	}
}

// TestTheRedisUserOfComposeIsEnough runs the service and the operator's commands as the user in docker-compose.yml, and
// shows what that user may not do.
func TestTheRedisUserOfComposeIsEnough(t *testing.T) {
	compose := strings.ReplaceAll(shipped(t, "docker-compose.yml"), "\\\n", "")
	rights := found(t, compose, `\n +user smsession on >\$\$REDISCLI_AUTH (.+)\n +end\n`)[0]
	server := redistest.Start(t, redistest.Options{Args: append([]string{"--user", "smsession", "on", ">secret"}, strings.Fields(rights)...)})
	url := "redis://smsession:secret@" + server.Addr()
	r := startReplica(t, url)
	s := newSender(t)
	report(t, checkCounts([]reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), ""), s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 2))
	for _, args := range [][]string{{"ls"}, {"show", s.From}, {"end", s.From, "--yes"}, {"end", s.From, "--erase", "--yes"}} {
		t.Run("it may "+args[0], func(t *testing.T) {
			if command := execute(t, args, "REDIS_URL="+url); command.status != 0 {
				t.Errorf("exit status %d:\n%s", command.status, command.stderr)
			}
		})
	}
	if strings.Contains(r.stderr(), "NOPERM") {
		t.Errorf("the service may not do what it needs:\n%s", r.stderr())
	}
	for command, want := range map[string]string{
		"PING": "PONG", "CONFIG GET save": "save", "TTL sms:x": "-2", "SLOWLOG GET 1": "",
		"FLUSHALL": "NOPERM", "KEYS *": "NOPERM", "GET other": "NOPERM", "CONFIG SET save x": "NOPERM", "ACL LIST": "NOPERM",
	} {
		t.Run(command, func(t *testing.T) {
			args := append([]string{"--user", "smsession", "--pass", "secret", "--no-auth-warning"}, strings.Fields(command)...)
			if got := server.CLI(args...); !strings.HasPrefix(got, want) || strings.HasPrefix(got, "NOPERM") != (want == "NOPERM") {
				t.Errorf("the answer is %q, want %q", got, want)
			}
		})
	}
}

// TestTheExampleOfSettingsIsComplete holds .env.example to what docker-compose.yml reads.
func TestTheExampleOfSettingsIsComplete(t *testing.T) {
	read := found(t, shipped(t, "docker-compose.yml"), `\$\{(\w+)`)
	example := found(t, shipped(t, ".env.example"), `(?m)^#?([A-Z_]+)=`)
	slices.Sort(read)
	slices.Sort(example)
	if read := slices.Compact(read); !slices.Equal(read, example) {
		t.Errorf("docker-compose.yml reads %q, .env.example has %q", read, example)
	}
}

// A variable of the shell counts for docker-compose.yml, and would be another deployment's.
func TestTheTestOfComposeInheritsNoSetting(t *testing.T) {
	settled, _, _ := strings.Cut(shipped(t, "deploy/compose-test/run.sh"), "\nservices=")
	for _, name := range found(t, shipped(t, "docker-compose.yml"), `\$\{(\w+)`) {
		if !regexp.MustCompile(`(?m)^(?:export|unset) .*\b` + name + `\b`).MatchString(settled) {
			t.Errorf("%s is neither set nor unset", name)
		}
	}
}

func TestWhatTheGuideToDeployingLinksToIsThere(t *testing.T) {
	guide := shipped(t, "deploy/README.md")
	for _, link := range found(t, guide, `\]\(([^)#:]+)(?:#[^)]*)?\)`) {
		if _, err := os.Stat(filepath.Join("../../deploy", link)); err != nil {
			t.Errorf("the link to %s: %v", link, err)
		}
	}
	for _, path := range found(t, guide, `\b((?:deploy|bin)/[\w@./-]*\w)`) {
		if _, err := os.Stat(filepath.Join("../..", path)); err != nil && path != "bin/smsession" {
			t.Errorf("the path %s: %v", path, err)
		}
	}
}
