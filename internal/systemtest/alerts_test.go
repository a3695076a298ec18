package systemtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smsession/internal/redistest"
)

const (
	alertsFile     = "../../deploy/prometheus/alerts.yml"
	alertsTestFile = "../../deploy/prometheus/alerts_test.yml"
	dashboardFile  = "../../deploy/grafana/smsession.json"
	runbookFile    = "../../deploy/README.md"
)

func contentOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promtool runs Prometheus's own tool, which must find no fault.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", alertsFile)
	promtool(t, "test", "rules", alertsTestFile)
}

// alerts returns the names of the alerts, in their order.
func alerts(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(contentOf(t, alertsFile), -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		t.Fatal("there are no alerts")
	}
	return names
}

func TestAlertsFireAndAreSilentInTests(t *testing.T) {
	cases := regexp.MustCompile(`alertname: (\w+)\n +exp_alerts:( \[\])?`).FindAllStringSubmatch(contentOf(t,
		alertsTestFile), -1)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		if c[2] == "" {
			fires[c[1]] = true
		} else {
			silent[c[1]] = true
		}
	}
	for _, name := range alerts(t) {
		if !fires[name] || !silent[name] {
			t.Errorf("%s fires in a test: %t; it is silent in a test: %t", name, fires[name], silent[name])
		}
	}
}

// annotations matches an alert that has all annotations. Its group is the anchor in the runbook_url.
func annotations(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^ *- alert: ` + name + `\n(?: *(?:expr|for|labels): .+\n)+ +annotations:\n` +
		` +summary: ".+"\n +description: ".+"\n +runbook_url: "\{\{ \$externalLabels\.runbook \}\}#(.+)"$`)
}

func TestAlertsHaveRunbookEntries(t *testing.T) {
	rules, runbook := contentOf(t, alertsFile), contentOf(t, runbookFile)
	for _, name := range alerts(t) {
		link := annotations(name).FindStringSubmatch(rules)
		if link == nil || link[1] != strings.ToLower(name) {
			t.Errorf("%s has no summary, description and link to its entry in the runbook: %q", name, link)
		}
		_, entry, hasEntry := strings.Cut(runbook, "\n### "+name+"\n")
		if entry, _, _ = strings.Cut(entry, "\n### "); !hasEntry || !strings.Contains(entry, "\n```sh\n") {
			t.Errorf("%s has no entry with a command in %s", name, runbookFile)
		}
	}
}

// TestRunbookURLIsSet looks for the first part of each alert's runbook_url.
func TestRunbookURLIsSet(t *testing.T) {
	label := `(?m)^  external_labels:\n(?: +#.*\n)* +runbook: https://\S+/(deploy/README\.md)$`
	file := found(t, shipped(t, "deploy/prometheus/prometheus.yml"), label)[0]
	if shipped(t, file) != contentOf(t, runbookFile) {
		t.Errorf("%s is not the runbook", file)
	}
}

// expressions returns all expressions of the alerts and the dashboard.
func expressions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^ *expr: (.+)$`).FindAllStringSubmatch(contentOf(t, alertsFile), -1) {
		all = append(all, m[1])
	}
	if len(all) != len(alerts(t)) {
		t.Errorf("%d alerts have %d expressions that fit on one line", len(alerts(t)), len(all))
	}
	return append(all, panels(t)...)
}

// panels returns the expressions of the dashboard, with its variables replaced as Grafana does.
func panels(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(contentOf(t, dashboardFile)), &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$idle_timeout", "4h").
				Replace(target.Expr)
			if expr == "" || strings.Contains(expr, "$") {
				t.Errorf("the panel %s has the expression %q", panel.Title, target.Expr)
			}
			all = append(all, expr)
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboard has no expressions")
	}
	return all
}

// jsonFile writes a value to a file and returns its path. Prometheus reads it, because JSON is YAML.
func jsonFile(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDashboardExpressions(t *testing.T) {
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for i, expr := range panels(t) {
		rules = append(rules, rule{fmt.Sprint("panel:", i), expr})
	}
	promtool(t, "check", "rules", jsonFile(t, map[string]any{"groups": []any{map[string]any{"name": "dashboard",
		"rules": rules}}}))
}

// TestDashboardLiveConversations evaluates the panel of live conversations. In the first half of 8 h, 100 conversations
// begin in one replica. In the second half, the other replica begins 7 and ends 3.
func TestDashboardLiveConversations(t *testing.T) {
	all := panels(t)
	i := slices.IndexFunc(all, func(expr string) bool { return strings.Contains(expr, `result="begun"`) })
	if i < 0 {
		t.Fatal("the dashboard has no panel of live conversations")
	}
	series := func(instance, result, values string) map[string]string {
		return map[string]string{"series": fmt.Sprintf("smsession_messages_total{instance=%q,route=\"/sms\",result=%q}",
			instance, result), "values": values}
	}
	is := func(at string, live int) map[string]any {
		return map[string]any{"expr": "round(" + all[i] + ")", "eval_time": at,
			"exp_samples": []any{map[string]any{"labels": "{}", "value": live}}}
	}
	promtool(t, "test", "rules", jsonFile(t, map[string]any{"tests": []any{map[string]any{"interval": "1m",
		"input_series": []any{
			series("a", "begun", "0x60 100x420"), series("a", "ended", "0x480"), series("a", "continued", "0+9x480"),
			series("b", "begun", "0x300 7x180"), series("b", "ended", "0x360 3x120"),
		},
		"promql_expr_test": []any{is("30m", 0), is("2h", 100), is("8h", 4)}}}}))
}

// Each deployment chooses its own name of the job.
func TestExpressionsNameNoJob(t *testing.T) {
	for _, expr := range expressions(t) {
		if regexp.MustCompile(`\bjob\s*(=|!)`).MatchString(expr) {
			t.Errorf("%s depends on the name of a job", expr)
		}
	}
}

// anyApp is the setting of an app, for a replica with all metrics. Nothing listens there.
const anyApp = "APP_URL=http://127.0.0.1:1/sms"

// addedLabels are the labels that Prometheus adds to every series.
var addedLabels = []string{"job", "instance"}

var (
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	groupings = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	selectors = regexp.MustCompile(`\b([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?\s*(\()?`)
	matchers  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
)

// unknownParts returns the parts of an expression that no series has: names, labels, and values of labels, including
// the values that a pattern lists. It understands the part of PromQL that we use. promtool checks the rest.
func unknownParts(expr string, all []series) []string {
	var wrong []string
	labels := slices.Clone(addedLabels)
	for _, one := range all {
		labels = slices.AppendSeq(labels, maps.Keys(one.labels))
	}
	expr = ranges.ReplaceAllString(expr, "")
	for _, m := range groupings.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(label)) {
				wrong = append(wrong, "no series has the label "+label)
			}
		}
	}
	expr = groupings.ReplaceAllString(expr, "")
	for _, m := range selectors.FindAllStringSubmatch(expr, -1) {
		name, conditions, call := m[1], m[2], m[3]
		if call != "" || slices.Contains([]string{"and", "or", "unless"}, name) {
			continue
		}
		if !slices.ContainsFunc(all, func(one series) bool { return one.name == name }) {
			wrong = append(wrong, "there is no "+name)
			continue
		}
		for _, c := range matchers.FindAllStringSubmatch(conditions, -1) {
			if slices.Contains(addedLabels, c[1]) {
				continue
			}
			for value := range strings.SplitSeq(c[3], "|") {
				if !slices.ContainsFunc(all, func(one series) bool {
					return one.name == name &&
						one.labels[c[1]] == value
				}) {
					wrong = append(wrong, fmt.Sprintf("no %s has %s=%q", name, c[1], value))
				}
			}
		}
	}
	return wrong
}

func TestExpressionsFitTheMetrics(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL(), anyApp)
	all := append(scrape(t, r), series{name: "up"}) // made by Prometheus
	for _, expr := range expressions(t) {
		for _, wrong := range unknownParts(expr, all) {
			t.Errorf("%s: %s", expr, wrong)
		}
	}
	for expr, wrong := range map[string]string{
		`sum(rate(smsession_message_total[5m]))`:                                   "an unknown name",
		`sum(rate(smsession_messages_total{result="unavailible"}[5m])) > 0`:        "an unknown value",
		`rate(smsession_messages_total{result=~"busy|bussy"}[5m])`:                 "an unknown value of two",
		`smsession_messages_total{status="503"}`:                                   "an unknown label",
		`sum by (results) (smsession_messages_total)`:                              "a grouping by an unknown label",
		`sum(smsession_messages_total) > 1 and on (instance) smsession_nothing`:    "an unknown second name",
		`histogram_quantile(0.9, sum by (le) (smsession_redis_duration_seconds))`:  "the name of a histogram without its suffix",
		`smsession_redis_away_seconds > 10 unless absent(smsession_redis_is_away)`: "an unknown name in a function",
	} {
		if len(unknownParts(expr, all)) == 0 {
			t.Errorf("%s is not found: %s", wrong, expr)
		}
	}
}

func TestReadmeHasEveryMetric(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	text := shipped(t, "deploy/README.md")
	names := map[string]bool{}
	for _, one := range scrape(t, startReplica(t, server.URL(), anyApp)) {
		if strings.HasPrefix(one.name, "smsession_") {
			names[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(one.name, "")] = true
		}
	}
	for name := range names {
		if !strings.Contains(text, "| `"+name+"` | ") {
			t.Errorf("the table of metrics has no row for %s", name)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(smsession_\\w+)` \\| ").FindAllStringSubmatch(text, -1) {
		if !names[m[1]] {
			t.Errorf("the table of metrics has a row for %s, which is not exported", m[1])
		}
	}
}
