package benchtest

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepUntil sleeps in the kernel, which is accurate to some 60 µs. Go's own timers may be a millisecond late when the
// program is idle, which is more than a message takes.
func sleepUntil(due time.Time) {
	for wait := time.Until(due); wait > 0; wait = time.Until(due) {
		ts := unix.NsecToTimespec(wait.Nanoseconds())
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // a signal may end it early
	}
}
