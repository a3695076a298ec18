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
	"unicode/utf8"

	"golang.org/x/text/language"
	format "golang.org/x/text/message"

	"smsession/internal/terminal"
)

// Report is the result of a run.
type Report struct {
	Seconds           float64  `json:"seconds"`
	Interrupted       bool     `json:"interrupted"`
	Asked             Asked    `json:"asked"`
	Deliveries        int64    `json:"deliveries"` // not counting those that were cut off
	CutOff            int      `json:"cut_off"`    // deliveries that were cut off by the end of Run's context
	MessagesPerSecond float64  `json:"messages_per_second"`
	Latency           Latency  `json:"latency_ms"`
	Histogram         []Bar    `json:"histogram"`
	Failed            int64    `json:"failed"` // deliveries for which Twilio would have logged an error
	Errors            []Errors `json:"errors"` // by code
	Proof             *Proof   `json:"proof"`
}

// Err returns an error if the proof fails, if Twilio would have logged an error, or if nothing was proved. Otherwise it
// returns nil, even if the run was interrupted.
func (r *Report) Err() error {
	switch {
	case !r.Proof.Holds && !r.Proof.Empty():
		return errors.New("the proof fails: " + r.Proof.failure())
	case r.Failed > 0:
		return fmt.Errorf("%d of %d deliveries failed: Twilio would have logged them",
			r.Failed, r.Deliveries)
	case r.Proof.Empty():
		return errors.New("nothing was proved: " + r.Proof.nothing())
	}
	return nil
}

func newReport(asked Asked, results *results, proof *Proof, took time.Duration, interrupted bool) *Report {
	proof.conclude()
	r := &Report{
		Seconds:           took.Seconds(),
		Interrupted:       interrupted,
		Asked:             asked,
		Deliveries:        results.latency.TotalCount(),
		CutOff:            results.cut,
		MessagesPerSecond: float64(asked.Messages) / took.Seconds(),
		Latency:           latencyOf(results.latency),
		Histogram:         bars(results.latency),
		Failed:            results.failed.Load(),
		Proof:             proof,
	}
	for _, code := range slices.Sorted(maps.Keys(results.errors)) {
		r.Errors = append(r.Errors, *results.errors[code])
	}
	return r
}

// english formats numbers with commas between their thousands.
func english() *format.Printer { return format.NewPrinter(language.English) }

// WriteText writes the report as text for a person, in lines of at most 80 columns. Texts of the server are escaped for
// the terminal. WriteText returns only the error of w.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	print := func(format string, args ...any) {
		b.WriteString(wrap(english().Sprintf(format, args...)))
	}
	a := r.Asked
	if r.Interrupted {
		print("interrupted: %s cut off\n", several(r.CutOff, "delivery", "deliveries"))
	}
	print("%s of %s in %.1f s, %d a second\n", several(a.Messages, "message", "messages"),
		several(a.Conversations, "conversation", "conversations"), r.Seconds, int(r.MessagesPerSecond+0.5))
	print("%s: %s again at once, %d later, %d without cookies\n",
		several(int(r.Deliveries), "delivery", "deliveries"), several(a.RepeatsAtOnce, "message",
			"messages"), a.RepeatsLater, a.CookiesLost)
	if a.Bursts > 0 {
		print("%s of %d messages at once, %d of them to begin a conversation\n",
			several(a.Bursts, "burst", "bursts"), a.MessagesABurst, a.FirstRaces)
	}
	if l := r.Latency; r.Deliveries > 0 {
		print("\nlatency   p50 %s   p95 %s   p99 %s   max %s\n\n%s\n",
			withUnit(l.P50), withUnit(l.P95), withUnit(l.P99), withUnit(l.Max), histogram(r.Histogram))
	}
	if r.Failed == 0 {
		print("errors    none\n")
	} else {
		print("errors    in %s, as Twilio would have logged them:\n", several(int(r.Failed), "delivery", "deliveries"))
	}
	for _, e := range r.Errors {
		title := strings.TrimPrefix(strconv.Itoa(e.Code)+" "+e.Name, "0 ")
		print("  %d times %s\n      such as: %s\n", e.Count, terminal.Escape(title), terminal.Escape(e.Example))
		for _, line := range e.Excerpt {
			print("      | %s\n", terminal.Escape(line))
		}
	}
	print("proof     %s\n", r.Proof.Sentence)
	for _, v := range r.Proof.Violations {
		print("  %s: %s\n      %s\n", v.From, v.Kind, terminal.Escape(v.Text))
	}
	if shown, found := len(r.Proof.Violations), r.Proof.found(); found > shown {
		print("  these are the first %d of %d\n", shown, found)
	}
	print("counting  %s\n", terminal.Escape(r.Proof.Decision))
	_, err := w.Write(b.Bytes())
	return err
}

// wrap breaks lines of more than 80 columns at a space. The rest of a line is indented by ten columns, as the columns
// of the report are. It does not break a word.
func wrap(text string) string {
	const columns, indent = 80, 10
	var b strings.Builder
	for line := range strings.Lines(text) {
		for utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > columns {
			runes := []rune(line)
			at := columns
			for at > indent && runes[at] != ' ' {
				at--
			}
			if at == indent {
				break // one long word
			}
			b.WriteString(strings.TrimRight(string(runes[:at]), " ") + "\n")
			line = strings.Repeat(" ", indent) + string(runes[at+1:])
		}
		b.WriteString(line)
	}
	return b.String()
}

// histogram returns a line for each bar.
func histogram(bars []Bar) string {
	const columns = 48 // of the longest bar
	most := slices.MaxFunc(bars, func(a, b Bar) int { return cmp.Compare(a.Count, b.Count) }).Count
	var lines strings.Builder
	for _, bar := range bars {
		marks := (bar.Count*columns + most - 1) / most // rounded up: a bar with a delivery has a mark
		line := english().Sprintf("  up to %7s  %13d  ", withUnit(bar.UpTo), bar.Count) +
			strings.Repeat("#", int(marks))
		lines.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return lines.String()
}

// several returns a number with the word for one thing or for several things.
func several(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return english().Sprintf("%d %s", n, many)
}

// withUnit returns milliseconds with 3 digits and their unit.
func withUnit(ms float64) string {
	if ms >= 999.5 {
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}
