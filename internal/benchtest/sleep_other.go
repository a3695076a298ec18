//go:build !linux

package benchtest

import "time"

func sleepUntil(due time.Time) { time.Sleep(time.Until(due)) }
