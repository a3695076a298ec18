package load

import (
	"context"
	"fmt"
	"io"
	"time"
)

// progress writes the number of deliveries to w until ctx ends. On a terminal, it writes over the same line every
// second, and erases the line at the end. Elsewhere, it writes a line every 5 s.
func (r *results) progress(ctx context.Context, w io.Writer, onTerminal bool) {
	const eraseLine = "\x1b[K"                                                               // to its end
	every, format := 5*time.Second, "%4.0f s   %d deliveries   %d a second   %d with errors" // less than 80 columns
	if onTerminal {
		every, format = time.Second, "\r"+format+eraseLine
		defer func() { fmt.Fprint(w, "\r"+eraseLine) }()
	} else {
		format += "\n"
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	began, before := time.Now(), int64(0)
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		all := r.all.Load()
		rate := float64(all-before) / every.Seconds()
		english().Fprintf(w, format, time.Since(began).Seconds(), all, int64(rate+0.5), r.failed.Load())
		before = all
	}
}
