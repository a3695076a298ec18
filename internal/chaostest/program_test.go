package chaostest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smsession/internal/chaostest/control"
	"smsession/internal/chaostest/stage"
	"smsession/internal/processtest"
	"smsession/internal/webhooktest"
)

// builds is the directory of the built programs.
var builds string

func TestMain(m *testing.M) {
	if role := os.Getenv(control.RoleVariable); role != "" {
		control.Serve(role)
	}
	dir, err := os.MkdirTemp("", "smsession-chaostest-")
	if err != nil {
		panic(err)
	}
	builds = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// idle is how long after its last message a session ends. It is longer than most faults last, and short enough to wait
// for.
const idle = 12 * time.Second

// budget is the request budget. It is shorter than the default, so that there are more unknown outcomes.
const budget = 5 * time.Second

// settings returns the settings of a replica. The URL of Redis comes from a file.
func settings(more ...string) []string {
	return append([]string{
		"PUBLIC_URL=" + webhooktest.PublicURL, "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken,
		"ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DRAIN_DELAY=200ms",
		fmt.Sprint("SESSION_IDLE_TIMEOUT=", idle), fmt.Sprint("REQUEST_BUDGET=", budget),
	}, more...)
}

// service is the path of the service.
var service = sync.OnceValues(func() (string, error) { return buildPatched("smsession") })

// linked makes the service connect to what an environment variable with the name of the address says. The replicas
// learn the addresses of Sentinel and of a Cluster from Redis, and each replica must use its own links all the same.
var linked = []patch{
	{"../redispool/dial/dial.go", "import (\n", "import (\n\t\"os\"\n"},
	{"../redispool/dial/dial.go", `DialContext(ctx, "tcp", addr)`, `DialContext(ctx, "tcp", cmp.Or(os.Getenv(addr), addr))`},
}

// serviceAhead is the path of the service with a clock that is five minutes ahead. Timers are not.
var serviceAhead = sync.OnceValues(func() (string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "time").Output()
	if err != nil {
		return "", err
	}
	return buildPatched("ahead", patch{filepath.Join(strings.TrimSpace(string(dir)), "time.go"),
		"sec, nsec, mono := runtimeNow()\n", "sec, nsec, mono := runtimeNow()\n\tsec += 300\n"})
})

// patch replaces a text in a source file while a program is built.
type patch struct{ file, before, after string }

// buildPatched builds the service with links and further patches.
func buildPatched(name string, more ...patch) (string, error) {
	overlay, err := writeOverlay(name, append(slices.Clone(linked), more...))
	if err != nil {
		return "", err
	}
	path, flags := filepath.Join(builds, name), append([]string{"-overlay", overlay}, raceFlags...)
	return path, processtest.Build(path, "smsession/cmd/smsession", flags...)
}

// writeOverlay writes the file that go build's -overlay reads.
func writeOverlay(name string, patches []patch) (string, error) {
	replace := map[string]string{} // the paths of the changed files, by those of the original ones
	for _, p := range patches {
		original, err := filepath.Abs(p.file)
		if err != nil {
			return "", err
		}
		changed := filepath.Join(builds, fmt.Sprint(name, "-", filepath.Base(original)))
		source, err := os.ReadFile(cmp.Or(replace[original], original))
		if err != nil {
			return "", err
		}
		if !strings.Contains(string(source), p.before) {
			return "", fmt.Errorf("%s does not contain this: %s", original, p.before)
		}
		text := strings.Replace(string(source), p.before, p.after, 1)
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[original] = changed
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(builds, name+".json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// isLong reports whether the run is not the short form of `make test`.
func isLong() bool { return os.Getenv("CHAOS") != "" }

// serve returns the service as the program of a stage. In a long run, the clock of one replica is ahead: the first
// build of this replica takes a minute.
func serve(t *testing.T, path func() (string, error), more ...string) stage.Program {
	t.Helper()
	p := stage.Program{Path: built(t, path), Args: []string{"serve"}, Settings: settings(more...)}
	if isLong() {
		p.Ahead = built(t, serviceAhead)
	}
	return p
}

// built returns the path of a program that is built when it is first needed.
func built(t *testing.T, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
