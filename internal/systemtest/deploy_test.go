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

// kustomize is pinned here, because in go.mod it would be a dependency of the program.
const kustomize = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"

// messageTimeout is how long a message may take, because Twilio waits no longer.
const messageTimeout = 15 * time.Second

// shipped returns a file of the repository.
func shipped(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// found returns the first group of each match of a pattern in a text. It fails the test if there is no match.
func found(t *testing.T, text, pattern string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	if all == nil {
		t.Fatalf("nothing matches %s in:\n%s", pattern, text)
	}
	return all
}

// seconds returns a duration in a file. It may be written as 5s, 5 or 5000000000.
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

// accepted fails the test if the program refuses the settings.
func accepted(t *testing.T, settings []string) {
	t.Helper()
	if r := execute(t, []string{"config"}, settings...); r.status != 0 {
		t.Errorf("the settings %q are refused:\n%s", settings, r.stderr)
	}
}

// TestDeploymentsLeaveTimeToDrain compares how long a platform waits before it kills the service with DRAIN_DELAY.
func TestDeploymentsLeaveTimeToDrain(t *testing.T) {
	t.Parallel()
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
			if grace <= drain+messageTimeout {
				t.Errorf("%v are not enough for a drain of %v and a message in progress", grace, drain)
			}
		})
	}
}

// TestBalancersNoticeInTime compares the intervals and time-outs of the balancers with those of the service.
func TestBalancersNoticeInTime(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("caddy", "adapt", "--config", caddyfile, "--adapter", "caddyfile").Output()
	if err != nil {
		t.Fatalf("Caddy does not take the Caddyfile: %v", err)
	}
	caddy, manifests := string(out), render(t, "base")
	drain := seconds(t, shipped(t, "docker-compose.yml"), `DRAIN_DELAY: (\w+)`)
	if interval := seconds(t, caddy, `"interval":(\d+)`); 3*interval > drain {
		t.Errorf("Caddy checks every %v; three checks take longer than the drain delay of %v", interval, drain)
	}
	if kept := seconds(t, caddy, `"keep_alive":{"idle_timeout":(\d+)`); kept >= config.Defaults().KeepAlive {
		t.Errorf("Caddy keeps connections for %v, the service for %v", kept, config.Defaults().KeepAlive)
	}
	budget := config.Defaults().RequestBudget
	dial, try := seconds(t, caddy, `"dial_timeout":(\d+)`), seconds(t, caddy, `"try_duration":(\d+)`)
	if try+dial+budget >= messageTimeout {
		t.Errorf("Caddy tries to connect for %v and %v, and the replica waits for Redis for %v: that is longer than Twilio waits", try, dial, budget)
	}
	if interval := seconds(t, caddy, `"interval":(\d+)`); try < 2*interval {
		t.Errorf("Caddy tries for %v, which is less than two health checks (%v each)", try, interval)
	}
	if strings.Contains(caddy, `"passive"`) || strings.Contains(caddy, `"retry_match"`) {
		t.Error("Caddy lets clients' requests decide which replicas are healthy, or repeats a message that may have arrived")
	}
	_, probe, _ := strings.Cut(manifests, "readinessProbe:")
	period, failures := seconds(t, probe, `periodSeconds: (\d+)`), found(t, probe, `failureThreshold: (\d+)`)[0]
	if n, err := strconv.Atoi(failures); err != nil || n < 2 || time.Duration(n)*period >= drain {
		t.Errorf("Kubernetes checks every %v and accepts %s failures; the service drains for %v", period, failures,
			drain)
	}
}

// render returns the manifests that kustomize makes from a folder.
func render(t *testing.T, folder string) string {
	t.Helper()
	cmd := exec.Command("go", "run", kustomize, "build", "../../deploy/kubernetes/"+folder)
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kustomize: %v\n%s", err, stderr.String())
	}
	if strings.Contains(stderr.String(), "Warning") {
		t.Errorf("kustomize: %s", stderr.String())
	}
	return string(out)
}

func TestManifests(t *testing.T) {
	t.Parallel()
	manifests := render(t, "example")
	kinds := found(t, manifests, `(?m)^kind: (\w+)`)
	slices.Sort(kinds)
	if want := []string{"ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service",
		"Service"}; !slices.Equal(kinds, want) {
		t.Errorf("the kinds are %q, want %q; above all, no file may contain a Secret", kinds, want)
	}
	for _, promise := range []string{
		"image: registry.example.com/smsession:v1.0.0",
		"path: /readyz", "path: /healthz",
		"runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "automountServiceAccountToken: false",
		"maxUnavailable: 0",
		"publishNotReadyAddresses: true",
		`ssl-redirect: "false"`,
		"proxy-next-upstream: error non_idempotent\n", `proxy-next-upstream-timeout: "4"`,
		"  egress:\n  - ports:\n    - port: 53\n",                                           // no selector of pods matches NodeLocal DNSCache
		"    - podSelector:\n        matchLabels:\n          app.kubernetes.io/name: redis", // includeSelectors would change it to smsession
		"  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: smsession",
		"    - namespaceSelector: {}\n      podSelector:\n        matchLabels:\n          smsession/app: \"true\"",
	} {
		if !strings.Contains(manifests, promise) {
			t.Errorf("%q is missing in\n%s", promise, manifests)
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

func TestPrometheusConfiguration(t *testing.T) {
	out, err := exec.Command("promtool", "check", "config", "../../deploy/prometheus/prometheus.yml").CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`SUCCESS: [1-9]\d* rules found`).Match(out) {
		t.Errorf("promtool found no rules:\n%s", out)
	}
}

// TestRedisConfiguration runs a real Redis with the configuration that we ship, and kills it.
func TestRedisConfiguration(t *testing.T) {
	t.Parallel()
	file := withoutLines(shipped(t, "deploy/redis/redis.conf"), "bind ", "port ", "dir ") // of another machine
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
		t.Errorf("the service warns about it:\n%s", r.stderr())
	}
}

// TestComposeRedisUser runs the service and the operators' commands as the Redis user in docker-compose.yml. It also
// shows what that user may not do.
func TestComposeRedisUser(t *testing.T) {
	compose := strings.ReplaceAll(shipped(t, "docker-compose.yml"), "\\\n", "")
	rights := found(t, compose, `\n +user default reset\n +user smsession on >\$\$REDISCLI_AUTH (.+)\n +end\n`)[0]
	if other := documentedRights(t); strings.Join(strings.Fields(rights), " ") != other {
		t.Errorf("docker-compose.yml has the rights\n%s, deploy/README.md has\n%s", rights, other)
	}
	server := redistest.Start(t, redistest.Options{Args: append([]string{"--user", "smsession", "on", ">secret"},
		strings.Fields(rights)...)})
	url := "redis://smsession:secret@" + server.Addr()
	r := startReplica(t, url)
	s := newSender(t)
	report(t, checkCounts([]reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), ""),
		s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 2))
	for _, args := range [][]string{{"ls"}, {"show", s.From}, {"end", s.From, "--yes"},
		{"end", s.From, "--erase", "--yes"}} {
		t.Run("the user may run "+args[0], func(t *testing.T) {
			if command := execute(t, args, "REDIS_URL="+url); command.status != 0 {
				t.Errorf("exit status %d:\n%s", command.status, command.stderr)
			}
		})
	}
	if strings.Contains(r.stderr(), "NOPERM") {
		t.Errorf("the service needs more rights:\n%s", r.stderr())
	}
	for command, want := range map[string]string{
		"PING": "PONG", "CONFIG GET save": "save", "TTL sms:x": "-2", "SLOWLOG GET 1": "",
		"FLUSHALL": "NOPERM", "KEYS *": "NOPERM", "GET other": "NOPERM", "CONFIG SET save x": "NOPERM", "ACL LIST": "NOPERM",
	} {
		t.Run("the answer to "+command+" is "+want, func(t *testing.T) {
			args := append([]string{"--user", "smsession", "--pass", "secret", "--no-auth-warning"},
				strings.Fields(command)...)
			if got := server.CLI(args...); !strings.HasPrefix(got, want) ||
				strings.HasPrefix(got, "NOPERM") != (want == "NOPERM") {
				t.Errorf("the answer is %q, want %q", got, want)
			}
		})
	}
}

// TestEnvExample compares .env.example with the variables that docker-compose.yml reads.
func TestEnvExample(t *testing.T) {
	read := found(t, shipped(t, "docker-compose.yml"), `\$\{(\w+)`)
	example := found(t, shipped(t, ".env.example"), `(?m)^#?([A-Z_]+)=`)
	slices.Sort(read)
	slices.Sort(example)
	if read := slices.Compact(read); !slices.Equal(read, example) {
		t.Errorf("docker-compose.yml reads %q, .env.example has %q", read, example)
	}
}

// TestComposePublishesOnLoopback reads the address of each published port.
func TestComposePublishesOnLoopback(t *testing.T) {
	published := found(t, shipped(t, "docker-compose.yml"), `(?m)^ +- "(\S+:-?\d+\}?)"`)
	if len(published) != 4 {
		t.Errorf("the published ports are %q, want two of Caddy, and one each of Prometheus and Grafana", published)
	}
	for _, port := range published {
		if !strings.HasPrefix(port, "127.0.0.1:") && !strings.HasPrefix(port, "${PUBLISH_ADDR:-127.0.0.1}:") {
			t.Errorf("without .env, other hosts reach %s", port)
		}
	}
	if !strings.Contains(shipped(t, ".env.example"), "\nPUBLISH_ADDR=0.0.0.0\n") {
		t.Error("with .env.example, Twilio does not reach Caddy")
	}
}

// TestComposePassesAppSettings looks for each setting of an own app.
func TestComposePassesAppSettings(t *testing.T) {
	compose := shipped(t, "docker-compose.yml")
	for _, s := range config.Defaults().Settings() {
		line := "    " + s.Name + ": ${" + s.Name + ":-" + s.Value + "}"
		if strings.HasPrefix(s.Name, "APP_") && !strings.Contains(compose, line) {
			t.Errorf("docker-compose.yml does not pass %s on with its default", s.Name)
		}
	}
}

// TestComposeTestInheritsNothing checks that the test of docker-compose.yml sets or unsets every variable. A variable
// of the shell could belong to another deployment.
func TestComposeTestInheritsNothing(t *testing.T) {
	settled, _, _ := strings.Cut(shipped(t, "deploy/compose-test/run.sh"), "\nservices=")
	for _, name := range found(t, shipped(t, "docker-compose.yml"), `\$\{(\w+)`) {
		if !regexp.MustCompile(`(?m)^(?:export|unset) .*\b` + name + `\b`).MatchString(settled) {
			t.Errorf("%s is neither set nor unset", name)
		}
	}
}
