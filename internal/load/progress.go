package load

import (
	"fmt"
	"io"
	"time"
)

// Progress is how far a run has come.
type Progress struct {
	Elapsed  time.Duration
	Answered int64   // deliveries without an error
	Failed   int64   // deliveries with one
	Rate     float64 // deliveries a second, of late
}

// every is how often progress is told.
const every = time.Second

// watch tells the progress until the returned function is called, which waits for the last word.
func (r *run) watch() (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for last := (Progress{}); ; {
			select {
			case <-ticker.C:
				last = r.progress(last)
				r.Progress(last)
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func (r *run) progress(last Progress) Progress {
	p := Progress{Elapsed: time.Since(r.began)}
	for _, t := range r.tallies {
		p.Answered += t.answered.Load()
		p.Failed += t.failed.Load()
	}
	p.Rate = float64(p.Answered+p.Failed-last.Answered-last.Failed) / (p.Elapsed - last.Elapsed).Seconds()
	return p
}

// pipedEvery is how many of the words of progress make a line where nobody looks on.
const pipedEvery = 5

// ShowProgress writes what it is told to w: on a terminal over the same line again and again, elsewhere a line every 5 s.
// The function end takes the terminal's line away.
func ShowProgress(w io.Writer, terminal bool) (show func(Progress), end func()) {
	if terminal {
		// Escape sequence: erase the rest of the line.
		return func(p Progress) { fmt.Fprintf(w, "\r%s\x1b[K", p) }, func() { fmt.Fprint(w, "\r\x1b[K") }
	}
	told := 0
	return func(p Progress) {
		if told++; told%pipedEvery == 0 {
			fmt.Fprintln(w, p)
		}
	}, func() {}
}

// String is a line of less than 80 columns.
func (p Progress) String() string {
	return fmt.Sprintf("%4.0f s   %s deliveries   %s a second   %s with errors",
		p.Elapsed.Seconds(), grouped(p.Answered+p.Failed), grouped(int64(p.Rate+0.5)), grouped(p.Failed))
}
