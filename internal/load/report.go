package load

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// Report is the result of a run.
type Report struct {
	Seconds           float64  `json:"seconds"`
	Interrupted       bool     `json:"interrupted"`
	Asked             Asked    `json:"asked"`
	Deliveries        int64    `json:"deliveries"` // without those cut off
	CutOff            int      `json:"cut_off"`    // by the interruption
	MessagesPerSecond float64  `json:"messages_per_second"`
	Latency           Latency  `json:"latency_ms"`
	Histogram         []Bar    `json:"histogram"`
	Failed            int64    `json:"failed"` // deliveries for which Twilio would have logged an error
	Errors            []Errors `json:"errors"` // by code
	Proof             *Proof   `json:"proof"`
}

// Err returns an error if the proof fails, if Twilio would have logged an error, or if nothing was proved.
func (r *Report) Err() error {
	switch {
	case !r.Proof.Holds && !r.Proof.Empty():
		return errors.New("the proof fails: some messages were not counted exactly once")
	case r.Failed > 0:
		return fmt.Errorf("for %d of %d deliveries Twilio would have logged an error", r.Failed, r.Deliveries)
	case r.Proof.Empty():
		return errors.New("nothing was proved: no message got a count")
	}
	return nil
}

func newReport(asked Asked, results *results, proof *Proof, took time.Duration, interrupted bool) *Report {
	proof.Holds = proof.Holds && !proof.Empty()
	proof.Sentence = proof.sentence()
	r := &Report{
		Seconds:           took.Seconds(),
		Interrupted:       interrupted,
		Asked:             asked,
		Deliveries:        results.latency.TotalCount(),
		CutOff:            results.cut,
		MessagesPerSecond: float64(asked.Messages) / took.Seconds(),
		Latency:           latencyOf(results.latency),
		Histogram:         bars(results.latency),
		Failed:            results.failed,
		Proof:             proof,
	}
	for _, code := range slices.Sorted(maps.Keys(results.errors)) {
		r.Errors = append(r.Errors, *results.errors[code])
	}
	return r
}

// WriteText writes the report for a person. No line of the histogram has more than 80 columns.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	a := r.Asked
	if r.Interrupted {
		fmt.Fprintf(&b, "interrupted: %s cut off\n", several(r.CutOff, "delivery", "deliveries"))
	}
	fmt.Fprintf(&b, "%s of %s in %.1f s, %s a second\n",
		several(a.Messages, "message", "messages"), several(a.Conversations, "conversation", "conversations"),
		r.Seconds, grouped(int(r.MessagesPerSecond+0.5)))
	fmt.Fprintf(&b, "%s: %s again at once, %s again later, %s without their cookies\n",
		several(r.Deliveries, "delivery", "deliveries"), several(a.RepeatsAtOnce, "message", "messages"),
		grouped(a.RepeatsLater), grouped(a.CookiesLost))
	if a.Bursts > 0 {
		fmt.Fprintf(&b, "%s of %d messages at once, %s of them to begin a conversation\n",
			several(a.Bursts, "burst", "bursts"), a.MessagesABurst, grouped(a.FirstRaces))
	}
	if r.Deliveries > 0 {
		r.writeLatency(&b)
	}
	r.writeErrors(&b)
	r.Proof.writeText(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) writeLatency(b *bytes.Buffer) {
	const columns = 48 // of the longest bar
	l := r.Latency
	fmt.Fprintf(b, "\nlatency   p50 %s   p95 %s   p99 %s   max %s\n\n", withUnit(l.P50), withUnit(l.P95), withUnit(l.P99), withUnit(l.Max))
	most := slices.MaxFunc(r.Histogram, func(a, b Bar) int { return cmp.Compare(a.Count, b.Count) }).Count
	for _, bar := range r.Histogram {
		marks := (bar.Count*columns + most - 1) / most // at least one for a delivery
		line := fmt.Sprintf("  up to %7s  %13s  %s", withUnit(bar.UpTo), grouped(bar.Count), strings.Repeat("#", int(marks)))
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	b.WriteByte('\n')
}

func (r *Report) writeErrors(b *bytes.Buffer) {
	if r.Failed == 0 {
		fmt.Fprintln(b, "errors    none")
		return
	}
	fmt.Fprintf(b, "errors    in %s, as Twilio would have logged them:\n", several(r.Failed, "delivery", "deliveries"))
	for _, e := range r.Errors {
		title := e.Name
		if e.Code != 0 {
			title = strings.TrimSpace(strconv.Itoa(e.Code) + " " + title)
		}
		fmt.Fprintf(b, "  %s times %s\n      such as: %s\n", grouped(e.Count), terminal.Escape(title), terminal.Escape(e.Example))
	}
}

func (p *Proof) writeText(b *bytes.Buffer) {
	fmt.Fprintf(b, "proof     %s\n", p.Sentence)
	found := 0
	for _, count := range p.Found {
		found += count
	}
	for _, v := range p.Violations {
		fmt.Fprintf(b, "  %s: %s\n      %s\n", v.From, v.Kind, terminal.Escape(v.Text))
	}
	if found > len(p.Violations) && len(p.Violations) > 0 {
		fmt.Fprintf(b, "  these are the first %d of %s\n", len(p.Violations), grouped(found))
	}
}

// sentence returns the result of the proof.
func (p *Proof) sentence() string {
	switch {
	case p.Expected == ExpectNone:
		return "none was asked for"
	case p.Empty():
		return "there is nothing to prove: no message got a count"
	case !p.Holds:
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(p.Found)) {
			kinds = append(kinds, fmt.Sprintf("%s (%s)", k, grouped(p.Found[k])))
		}
		return "it fails: " + strings.Join(kinds, ", ")
	}
	text := "it holds: " + several(p.Counted, "message", "messages") + " answered, each counted once, none lost, none doubled"
	if p.Unanswered > 0 {
		text += "; " + grouped(p.Unanswered) + " without an answer, which may have been counted or not"
	}
	return text
}

// several returns a number with the word for one thing or for many things.
func several[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped returns a number with commas between its thousands.
func grouped[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// withUnit returns milliseconds with 3 digits and their unit.
func withUnit(ms float64) string {
	if ms >= 999.5 {
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}
