// Package duration writes durations as people write them.
package duration

import (
	"fmt"
	"strings"
	"time"
)

// Format returns d exactly and without the zero units that time.Duration writes at the end: 4h, not 4h0m0s. It writes
// whole seconds below an hour as seconds, unless they are whole minutes: 650s, but 11m. time.ParseDuration parses the
// result.
func Format(d time.Duration) string {
	if d < time.Hour && d%time.Second == 0 && d%time.Minute != 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = text[:len(text)-len("0s")]
		}
	}
	return text
}

// Brief returns d in its two largest units, rounded down: 59s, 3m05s, 3h58m or 29d23h. It is for the time that has
// passed or that is left. It returns 0s if d is negative.
func Brief(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}
