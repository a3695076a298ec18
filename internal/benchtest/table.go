package benchtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"
)

// Round are the figures of one round by the name of their server. All servers of a round are measured under the same
// conditions. Therefore only ratios within a round are comparable.
type Round map[string]Figures

// Summarize computes a value for each round. It returns the median of the values and its 95 % interval, which follows
// from their order alone: of nine values, it reaches from the second to the eighth. With fewer than six values, it
// is infinite.
func Summarize(rounds []Round, value func(Round) float64) benchmath.Summary {
	var values []float64
	for _, r := range rounds {
		values = append(values, value(r))
	}
	sample := benchmath.NewSample(values, &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95)
}

// Column is a column of a table.
type Column struct {
	Name       string
	Digits     int // after the point
	Value      func(Figures) float64
	IsCompared bool // whether WriteRatios has it, too
}

// WriteMedians writes a table with a row for each server. A cell has the median, and how far the ends of its interval
// are away.
func WriteMedians(w io.Writer, rounds []Round, servers []string, columns []Column) {
	write(w, servers, columns, func(server string, c Column) string {
		s := Summarize(rounds, func(r Round) float64 { return c.Value(r[server]) })
		return fmt.Sprintf("%.*f ±%s", c.Digits, s.Center, s.PctRangeString())
	})
}

// WriteRatios is like WriteMedians, but the values of each round are divided by those of another server in the same
// round, to(server). A cell has the median and the ends of its interval. Only columns that are compared are written.
func WriteRatios(w io.Writer, rounds []Round, servers []string, to func(string) string, columns []Column) {
	compared := slices.DeleteFunc(slices.Clone(columns), func(c Column) bool { return !c.IsCompared })
	write(w, servers, compared, func(server string, c Column) string {
		s := Summarize(rounds, func(r Round) float64 { return c.Value(r[server]) / c.Value(r[to(server)]) })
		return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Center, s.Lo, s.Hi)
	})
}

func write(w io.Writer, servers []string, columns []Column, cell func(server string, c Column) string) {
	rows := [][]string{{"server"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.Name)
	}
	for _, server := range servers {
		row := []string{server}
		for _, c := range columns {
			row = append(row, cell(server, c))
		}
		rows = append(rows, row)
	}
	WriteMarkdown(w, rows)
}

// WriteMarkdown writes rows as a table of Markdown whose columns are aligned. The first row is the head.
func WriteMarkdown(w io.Writer, rows [][]string) {
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for i, row := range rows {
		fmt.Fprintf(table, "| %s\t|\n", strings.Join(row, "\t| "))
		if i == 0 {
			fmt.Fprintf(table, "|%s\n", strings.Repeat("---\t|", len(row)))
		}
	}
	_ = table.Flush()
	_, _ = fmt.Fprintln(w)
}
