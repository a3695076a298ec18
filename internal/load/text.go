package load

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// WriteText writes the report for a person. No line of the histogram has more than 80 columns.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	r.writeAsked(&b)
	if r.Deliveries > 0 {
		r.writeLatency(&b)
	}
	r.writeErrors(&b)
	r.Proof.writeText(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) writeAsked(b *bytes.Buffer) {
	a := r.Asked
	if r.Interrupted {
		fmt.Fprintf(b, "interrupted: %s cut off\n", several(r.CutOff, "delivery"))
	}
	fmt.Fprintf(b, "%s of %s in %.1f s, %s a second\n",
		several(a.Messages, "message"), several(a.Conversations, "conversation"), r.Seconds, grouped(int(r.MessagesPerSecond+0.5)))
	fmt.Fprintf(b, "%s: %s again at once, %s again later, %s without their cookies\n",
		several(r.Deliveries, "delivery"), several(a.RepeatsAtOnce, "message"), grouped(a.RepeatsLater), grouped(a.CookiesLost))
	if a.Bursts > 0 {
		fmt.Fprintf(b, "%s of %d messages at once, %s of them to begin a conversation\n",
			several(a.Bursts, "burst"), a.MessagesABurst, grouped(a.FirstRaces))
	}
}

func (r *Report) writeLatency(b *bytes.Buffer) {
	l := r.Latency
	fmt.Fprintf(b, "\nlatency   p50 %s   p95 %s   p99 %s   max %s\n\n", inTime(l.P50), inTime(l.P95), inTime(l.P99), inTime(l.Max))
	var most int64
	for _, bar := range r.Histogram {
		most = max(most, bar.Count)
	}
	for _, bar := range r.Histogram {
		line := fmt.Sprintf("  up to %7s  %13s  %s", inTime(bar.UpTo), grouped(bar.Count), mark(bar.Count, most))
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	b.WriteByte('\n')
}

// mark is a count beside the greatest one, in at most 48 columns. What is there has at least one.
func mark(count, most int64) string {
	const columns = 48
	return strings.Repeat("#", int((count*columns+most-1)/most))
}

func (r *Report) writeErrors(b *bytes.Buffer) {
	if r.Failed == 0 {
		fmt.Fprintln(b, "errors    none")
		return
	}
	fmt.Fprintf(b, "errors    in %s, as Twilio would have logged them:\n", several(r.Failed, "delivery"))
	for _, e := range r.Errors {
		fmt.Fprintf(b, "  %s times %s\n      such as: %s\n", grouped(e.Count), printable(e.title()), printable(e.Example))
	}
}

func (e Errors) title() string {
	if e.Code == 0 {
		return e.Name
	}
	return strings.TrimSpace(strconv.Itoa(e.Code) + " " + e.Name)
}

func (p *Proof) writeText(b *bytes.Buffer) {
	fmt.Fprintf(b, "proof     %s\n", p.Sentence)
	for _, v := range p.Violations {
		fmt.Fprintf(b, "  %s: %s\n      %s\n", v.From, v.Kind, printable(v.Text))
	}
	if found := p.found(); found > len(p.Violations) && len(p.Violations) > 0 {
		fmt.Fprintf(b, "  these are the first %d of %s\n", len(p.Violations), grouped(found))
	}
}

// found is how many violations there are.
func (p *Proof) found() int {
	n := 0
	for _, count := range p.Found {
		n += count
	}
	return n
}

// sentence is the verdict.
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
	text := "it holds: " + several(p.Counted, "message") + " answered, each counted once, none lost, none doubled"
	if p.Unanswered > 0 {
		text += "; " + grouped(p.Unanswered) + " without an answer, which may have been counted or not"
	}
	return text
}

// several writes a number of things.
func several[N int | int64](n N, thing string) string {
	stem, ends := strings.CutSuffix(thing, "y")
	switch {
	case n == 1:
	case ends:
		thing = stem + "ies"
	default:
		thing += "s"
	}
	return grouped(n) + " " + thing
}

// grouped writes a number with commas between its thousands.
func grouped[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// inTime writes milliseconds with 3 digits and their unit.
func inTime(ms float64) string {
	if ms >= 999.5 {
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}

// printable takes away what a terminal would obey. What a server says goes through here.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
