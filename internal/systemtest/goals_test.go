package systemtest

import (
	"fmt"
	"slices"

	"smsession/internal/benchtest"
)

type figures = benchtest.Figures

// benchColumns returns the columns of the tables.
func benchColumns() []benchtest.Column {
	return []benchtest.Column{
		{Name: "service µs", Digits: 1, IsCompared: true, Value: func(f figures) float64 { return f.Service }},
		{Name: "Redis µs", Digits: 1, IsCompared: true, Value: func(f figures) float64 { return f.Redis }},
		{Name: "messages/s", IsCompared: true, Value: func(f figures) float64 { return f.Rate }},
		{Name: "p50 ms", Digits: 1, Value: func(f figures) float64 { return f.P50 }},
		{Name: "p99 ms", Digits: 1, IsCompared: true, Value: func(f figures) float64 { return f.P99 }},
		{Name: "p99 at 500/s", Digits: 2, IsCompared: true, Value: func(f figures) float64 { return f.Paced }},
		{Name: "reads", Digits: 2, Value: func(f figures) float64 { return f.Reads }},
		{Name: "allocations", Value: func(f figures) float64 { return f.Allocations }},
		{Name: "MB", Value: func(f figures) float64 { return f.Resident }},
	}
}

// unpaced returns the columns without those of Subject.Paced.
func unpaced() []benchtest.Column {
	return slices.DeleteFunc(benchColumns(), func(c benchtest.Column) bool { return c.Name == "p99 at 500/s" })
}

// goal is a bound for a value of each round. Less is better, except for the messages a second.
type goal struct {
	name, must, moonshot string
	value                func(benchtest.Round) float64
}

// goals returns what the service shall reach, with the values that BenchmarkProcess measures.
func goals() []goal {
	toL1 := func(of func(figures) float64) func(benchtest.Round) float64 {
		return func(r benchtest.Round) float64 { return of(r["ours"]) / of(r["L1"]) }
	}
	return []goal{
		{"Redis CPU a message ÷ L1", "1.00", "0.70", toL1(func(f figures) float64 { return f.Redis })},
		{"service CPU a message ÷ L1", "1.25", "1.00", toL1(func(f figures) float64 { return f.Service })},
		{"both together ÷ plain scs", "0.30", "0.25", func(r benchtest.Round) float64 {
			return r["ours"].Total() / r["plain scs"].Total()
		}},
		{"messages a second ÷ L1", "0.85", "1.00", toL1(func(f figures) float64 { return f.Rate })},
		{"p99 with 64 in flight ÷ L1", "1.00", "0.80", toL1(func(f figures) float64 { return f.P99 })},
		{"p99 at 500 messages a second ÷ L1", "1.25", "1.10", toL1(func(f figures) float64 { return f.Paced })},
		{"three replicas without affinity, both together ÷ L2", "", "", func(r benchtest.Round) float64 {
			return r["ours, three replicas"].Total() / r["L2"].Total()
		}},
		{"resident MB", "50", "40", func(r benchtest.Round) float64 { return r["ours"].Resident }},
	}
}

func goalRows(rounds []benchtest.Round) [][]string {
	rows := [][]string{{"goal", "measured", "95 % interval", "must", "moonshot"}}
	for _, g := range goals() {
		s := benchtest.Summarize(rounds, g.value)
		rows = append(rows, []string{
			g.name, fmt.Sprintf("%.2f", s.Center), fmt.Sprintf("%.2f to %.2f", s.Lo, s.Hi), g.must, g.moonshot,
		})
	}
	return rows
}
