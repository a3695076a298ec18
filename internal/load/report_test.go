package load

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"smsession/internal/phone"
)

// resultsOf returns the results of deliveries that took the given times.
func resultsOf(took ...time.Duration) *results {
	r := newResults()
	for _, d := range took {
		r.add(outcome{delivery: &phone.Delivery{}, took: d})
	}
	return r
}

func TestLatency(t *testing.T) {
	var took []time.Duration
	for ms := range 1000 {
		took = append(took, time.Duration(ms+1)*time.Millisecond)
	}
	l := latencyOf(resultsOf(took...).latency)
	for _, row := range []struct {
		name      string
		got, want float64
	}{{"p50", l.P50, 500}, {"p95", l.P95, 950}, {"p99", l.P99, 990}, {"max", l.Max, 1000}} {
		if row.got < row.want*0.99 || row.got > row.want*1.01 {
			t.Errorf("%s is %v ms, not %v", row.name, row.got, row.want)
		}
	}
}

func TestBars(t *testing.T) {
	ms := time.Millisecond
	rows := []struct {
		name string
		took []time.Duration
		want []Bar
	}{
		{"no deliveries have no bars", nil, nil},
		{"one delivery has one bar", []time.Duration{1200 * time.Microsecond}, []Bar{{2, 1}}},
		{"each power of ten has three bars, and empty bars between others are kept",
			[]time.Duration{ms / 2, 4 * ms, 6 * ms, 900 * ms, 900 * ms}, []Bar{
				{0.5, 1}, {1, 0}, {2, 0}, {5, 1}, {10, 1}, {20, 0}, {50, 0}, {100, 0}, {200, 0}, {500, 0}, {1000, 2}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := bars(resultsOf(row.took...).latency); !slices.Equal(got, row.want) {
				t.Errorf("%v", got)
			}
		})
	}
}

// fullReport returns a report in which every part is present, and its text.
func fullReport(t *testing.T) (*Report, string) {
	t.Helper()
	p := newProof(expects(ExpectCount))
	c := newConversation("+999000000000000", nil, expects(ExpectCount))
	c.messages = []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2), answeredWith(2, 2, 2), unanswered(3)}
	p.examine(c)
	sum := resultsOf(20*time.Microsecond, 300*time.Microsecond, time.Millisecond, time.Millisecond, 90*time.Second)
	sum.failed.Store(1234567)
	sum.errors[11200] = &Errors{Code: 11200, Name: "HTTP retrieval failure", Count: 1234567,
		Example: "reset\x1b[2J\u202e", Excerpt: []string{"<p>Sorry\x1b[2J</p>", strings.Repeat("café ", 40)}}
	sum.cut = 3
	asked := Asked{Conversations: 2000, Messages: 750000, RepeatsAtOnce: 40000, RepeatsLater: 41000, CookiesLost: 1,
		Bursts: 7, FirstRaces: 3, MessagesABurst: 5}
	r := newReport(asked, sum, p, 30*time.Second, true)
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

func TestWriteText(t *testing.T) {
	_, text := fullReport(t)
	for _, want := range []string{
		"750,000 messages of 2,000 conversations in 30.0 s, 25,000 a second",
		"40,000 messages again at once, 41,000 later, 1 without cookies\n",
		"7 bursts of 5 messages", "3 of them to begin",
		"interrupted: 3 deliveries cut off",
		"p50 1 ms", "max 90", " s\n",
		"1,234,567 times 11200 HTTP retrieval failure", "such as: reset",
		`      | <p>Sorry\x1b[2J</p>` + "\n",
		"proof     it fails: lost update (1)\n", "counting  checked, because of --expect count\n",
		"+999000000000000: lost update", "both got 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("the text contains control characters:\n%q", text)
	}
}

func TestTheReportHas80Columns(t *testing.T) {
	_, text := fullReport(t)
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("%q is too long", line)
		}
	}
	_, after, _ := strings.Cut(text, "latency")
	histogram, _, _ := strings.Cut(after, "errors")
	marks := strings.Count(histogram, "#")
	// The bar with two deliveries has 48 marks. The three bars with one delivery have 24 marks each.
	if marks != 48+3*24 {
		t.Errorf("%d marks:\n%s", marks, histogram)
	}
}

func TestReportAsJSON(t *testing.T) {
	r, _ := fullReport(t)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Asked   struct{ Messages int }
		Latency map[string]float64 `json:"latency_ms"`
		Errors  []struct{ Code, Count int }
		Proof   struct {
			Holds      bool
			Expected   string
			Counting   bool
			Found      map[string]int
			Violations []struct{ Kind, From, Text string }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Asked.Messages != 750000 || got.Latency["p50"] < 0.99 || got.Latency["p50"] > 1.01 ||
		got.Errors[0].Code != 11200 ||
		got.Proof.Holds || got.Proof.Expected != "count" || !got.Proof.Counting ||
		got.Proof.Found["lost update"] != 1 || got.Proof.Violations[0].From != "+999000000000000" {
		t.Errorf("%s", text)
	}
}

func TestProgress(t *testing.T) {
	rows := []struct {
		name, want string
		onTerminal bool
	}{
		{"a terminal has one line, which is written again every second and erased at the end",
			"\r   1 s   12,000 deliveries   12,000 a second   7 with errors\x1b[K" +
				"\r   2 s   12,001 deliveries   1 a second   7 with errors\x1b[K\r\x1b[K", true},
		{"a pipe gets a line every 5 s", "   5 s   12,001 deliveries   2,400 a second   7 with errors\n", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := resultsOf(slices.Repeat([]time.Duration{time.Millisecond}, 12_000)...)
				r.failed.Store(7)
				time.AfterFunc(1500*time.Millisecond, func() {
					r.add(outcome{delivery: &phone.Delivery{}, took: time.Millisecond})
				})
				end := map[bool]time.Duration{true: 2500 * time.Millisecond, false: 9 * time.Second}[row.onTerminal]
				ctx, cancel := context.WithTimeout(t.Context(), end)
				defer cancel()
				var b bytes.Buffer
				r.progress(ctx, &b, row.onTerminal)
				if b.String() != row.want {
					t.Errorf("%q", b.String())
				}
			})
		})
	}
}

func TestNumbersAndSIDs(t *testing.T) {
	n := &numbers{last: subscribers - 2}
	for _, want := range []string{"+999999999999999", "+999000000000000", "+999000000000001"} {
		if got := n.next(); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	s := sids(0xabcdef)
	if got := s.of(9); got != "SM0000000000abcdef000000000000000a" {
		t.Error(got)
	}
}
