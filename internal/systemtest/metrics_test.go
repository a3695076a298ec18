package systemtest

import (
	"bufio"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// series is one line of the metrics.
type series struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	lineOfScrape  = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	labelOfScrape = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// scrape returns the metrics of a replica.
// See https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
func scrape(tb testing.TB, r *replica) []series {
	tb.Helper()
	res, err := http.Get(r.operator() + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	var all []series
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		parts := lineOfScrape.FindStringSubmatch(lines.Text())
		if parts == nil {
			tb.Fatalf("the metrics contain the line %q", lines.Text())
		}
		one := series{name: parts[1], labels: map[string]string{}}
		for _, label := range labelOfScrape.FindAllStringSubmatch(parts[2], -1) {
			one.labels[label[1]] = label[2]
		}
		if one.value, err = strconv.ParseFloat(parts[3], 64); err != nil {
			tb.Fatalf("the metrics contain the line %q", lines.Text())
		}
		all = append(all, one)
	}
	return all
}

// sum adds the values of the series with the given name and labels. The labels are given as name, value, name, value
// and so on.
func sum(all []series, name string, labels ...string) (total float64) {
	for _, one := range all {
		fits := one.name == name
		for i := 0; i < len(labels); i += 2 {
			fits = fits && one.labels[labels[i]] == labels[i+1]
		}
		if fits {
			total += one.value
		}
	}
	return total
}

// waitForMetric waits until a metric of a replica is at least so large.
func waitForMetric(tb testing.TB, r *replica, name string, least float64) {
	tb.Helper()
	webhooktest.Wait(tb, fmt.Sprintf("%s to be %v", name, least), func() bool {
		return sum(scrape(tb, r), name) >= least
	})
}

func TestMetrics(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, "MAX_REPLIES_PER_MINUTE=3")
	s := newSender(t)
	sid := webhooktest.NewSID()
	replies := []reply{s.deliver(f.next(), "/sms", sid, ""), s.deliver(f.next(), "/sms", webhooktest.NewSID(), ""),
		s.deliver(f.next(), "/sms/fallback", webhooktest.NewSID(), "")}
	report(t, checkCounts(replies, 1, 3))
	for range 2 {
		if r := s.deliver(f.next(), "/sms", webhooktest.NewSID(), ""); r.Status != 200 || r.Text() != "" {
			t.Errorf("beyond the limit, a message gets %d %q", r.Status, r.Text())
		}
	}
	if r := s.deliver(f.next(), "/sms", sid, ""); r.Body != replies[0].Body {
		t.Errorf("the repeat of the first message gets %q, the first got %q", r.Body, replies[0].Body)
	}
	if n := f.counter(s); n != 5 {
		t.Errorf("the counter is %d after five messages", n)
	}

	var all []series
	for _, r := range f.replicas {
		all = append(all, scrape(t, r)...)
	}
	for _, row := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "smsession_messages_total", []string{"result", "begun", "route", "/sms"}},
		{2, "smsession_messages_total", []string{"result", "continued"}},
		{1, "smsession_messages_total", []string{"route", "/sms/fallback"}},
		{2, "smsession_messages_total", []string{"result", "guarded"}},
		{1, "smsession_messages_total", []string{"result", "repeated"}},
		{6, "smsession_request_duration_seconds_count", nil},
		{fleetSize, "smsession_build_info", []string{"version", strings.Fields(execute(t, []string{"version"}).stdout)[1]}},
		{fleetSize * 64, "smsession_redis_connections_max", nil},
		{0, "smsession_log_lines_dropped_total", nil},
	} {
		if got := sum(all, row.name, row.labels...); got != row.want {
			t.Errorf("%s %v is %v, want %v", row.name, row.labels, got, row.want)
		}
	}
	for name, least := range map[string]float64{
		"smsession_redis_duration_seconds_count": 2 * 6, // a read and a commit each; no cached record is current
		"smsession_redis_connections":            fleetSize,
		"go_goroutines":                          fleetSize,
		"process_resident_memory_bytes":          fleetSize,
	} {
		if got := sum(all, name); got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	for _, r := range f.replicas {
		webhooktest.Wait(t, "a successful ping", func() bool {
			return sum(scrape(t, r), "smsession_redis_away_seconds") < 2
		})
	}
	for _, one := range all {
		for _, value := range one.labels {
			if strings.Contains(value, s.From[1:]) || strings.Contains(value, s.To[1:]) {
				t.Errorf("%s contains a phone number", one.name)
			}
		}
	}
}

func TestRedisWarnings(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--maxmemory-policy", "volatile-lru", "--appendonly",
		"no"}})
	r := startReplica(t, server.URL())
	waitForMetric(t, r, "smsession_redis_warning", 2)
	for _, warning := range []string{"eviction_possible", "persistence_off"} {
		r.waitForLog(`"warning":"`+warning+`"`, 1)
	}
}
