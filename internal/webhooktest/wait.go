package webhooktest

import (
	"errors"
	"testing"
	"time"
)

// limit is how long a test waits for an event before it fails. It is far more than any event takes on a busy machine.
const limit = 2 * time.Minute

// Wait polls until isTrue returns true. It fails the test after two minutes.
func Wait(tb testing.TB, what string, isTrue func() bool) {
	tb.Helper()
	WaitNoError(tb, what, func() error {
		if isTrue() {
			return nil
		}
		return errors.New("it did not happen")
	})
}

// WaitNoError polls until try returns no error. After two minutes it fails the test with the last error.
func WaitNoError(tb testing.TB, what string, try func() error) {
	tb.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if err := try(); err == nil {
			return
		} else if time.Now().After(deadline) {
			tb.Fatalf("waited %v for %s: %v", limit, what, err)
		}
	}
}

// Receive returns the next value of a channel, or the zero value if the channel is closed. It fails the test if neither
// happens within two minutes.
func Receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(limit):
		tb.Fatalf("waited %v for %s", limit, what)
		panic("unreachable")
	}
}
