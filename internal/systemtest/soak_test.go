package systemtest

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"smsession/internal/redistest"
)

// soakGrowth is by how much the least value of a window may exceed that of the first window.
const soakGrowth = 0.05

// soakWindows is into how many windows a soak is divided. The first one does not count: memory and connections still
// grow in it. In a soak of ten minutes, it is a minute.
const soakWindows = 10

// sample is what a process uses at a moment.
type sample struct {
	memory      int // resident, in KB
	goroutines  float64
	connections float64 // of the public listener and to Redis
}

// TestSoak sends messages to a replica at half of the rate that it can process, for the duration SOAK. Memory,
// goroutines and connections must not grow.
func TestSoak(t *testing.T) {
	total, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("only with a duration: SOAK=10m")
	}
	r := startReplicaOf(t, shippedProgram, redistest.Start(t, redistest.Options{}).URL())
	// With few deliveries in flight, all connections are open from the beginning. The first load fills the cache of the
	// replica, which has 4096 records, with records of 64 messages. The second load has so few conversations that their
	// records have 64 messages within the first window.
	trial, _ := loadJSON(t, r.url, "--in-flight", "16", "--conversations", "4096", "--messages", "270000")
	rate := fmt.Sprint(trial.MessagesPerSecond / 2)
	end := make(chan loadReport)
	go func() {
		report, _ := loadJSON(t, r.url, "--in-flight", "16", "--conversations", "256", "--rate", rate,
			"--duration", total.String())
		end <- report
	}()
	samples := make([][]sample, soakWindows)
	for began := time.Now(); ; time.Sleep(time.Second) {
		window := int(time.Since(began) * soakWindows / total)
		if window >= soakWindows {
			break
		}
		samples[window] = append(samples[window], measure(t, r))
	}
	report := <-end
	t.Logf("%s messages a second, half of the most; %d were counted", rate, report.Proof.Counted)
	if !report.Proof.Holds || len(report.Errors) > 0 {
		t.Errorf("the load found %+v, %+v", report.Errors, report.Proof)
	}
	for name, of := range map[string]func(sample) float64{
		"resident memory in KB": func(s sample) float64 { return float64(s.memory) },
		"goroutines":            func(s sample) float64 { return s.goroutines },
		"connections":           func(s sample) float64 { return s.connections },
	} {
		checkWindows(t, name, samples[1:], of)
	}
}

// checkWindows compares the least values of the windows with that of the first one. A leak raises them. All other
// values also depend on how many messages are in progress at that moment: net/http has one more goroutine for each.
func checkWindows(t *testing.T, name string, windows [][]sample, of func(sample) float64) {
	t.Helper()
	var least []float64
	for _, window := range windows {
		value := of(window[0])
		for _, s := range window {
			value = min(value, of(s))
		}
		least = append(least, value)
	}
	t.Logf("%s: %v", name, least)
	if most := slices.Max(least); most > least[0]*(1+soakGrowth) {
		t.Errorf("%s: the least value grew from %v to %v", name, least[0], most)
	}
}

func measure(t *testing.T, r *replica) sample {
	all := scrape(t, r)
	return sample{
		memory: resident(r), goroutines: sum(all, "go_goroutines"),
		connections: sum(all, "smsession_connections") + sum(all, "smsession_redis_connections"),
	}
}
