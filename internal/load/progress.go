package load

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Progress is how far a run has come.
type Progress struct {
	Elapsed  time.Duration
	Answered int64   // deliveries without an error
	Failed   int64   // deliveries with an error
	Rate     float64 // deliveries a second since the last report
}

// progress reports the progress every second until ctx ends.
func (r *results) progress(ctx context.Context, began time.Time, report func(Progress)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for last := (Progress{}); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		p := Progress{Elapsed: time.Since(began)}
		r.mu.Lock()
		p.Answered, p.Failed = r.answered, r.failed
		r.mu.Unlock()
		p.Rate = float64(p.Answered+p.Failed-last.Answered-last.Failed) / (p.Elapsed - last.Elapsed).Seconds()
		report(p)
		last = p
	}
}

// ShowProgress returns a function for Options.Progress that writes to w: on a terminal always the same line, and else a
// line every 5 s. The function end erases the line on the terminal.
func ShowProgress(w io.Writer, terminal bool) (show func(Progress), end func()) {
	const eraseLine = "\x1b[K" // to its end
	if terminal {
		return func(p Progress) { fmt.Fprint(w, "\r", p, eraseLine) }, func() { fmt.Fprint(w, "\r"+eraseLine) }
	}
	seconds := 0
	return func(p Progress) {
		if seconds++; seconds%5 == 0 {
			fmt.Fprintln(w, p)
		}
	}, func() {}
}

// String returns a line of less than 80 columns.
func (p Progress) String() string {
	return fmt.Sprintf("%4.0f s   %s deliveries   %s a second   %s with errors",
		p.Elapsed.Seconds(), grouped(p.Answered+p.Failed), grouped(int64(p.Rate+0.5)), grouped(p.Failed))
}
