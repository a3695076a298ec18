package duration_test

import (
	"math"
	"testing"
	"time"

	"smsession/internal/duration"
)

func TestFormat(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Second: "5s", time.Minute: "1m", 650 * time.Second: "650s", 90 * time.Minute: "1h30m",
		4 * time.Hour: "4h", 720 * time.Hour: "720h", time.Hour +
			time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		got := duration.Format(d)
		if back, err := time.ParseDuration(got); got != want || err != nil || back != d {
			t.Errorf("%v is %q, which is read as %v, %v; want %q", d, got, back, err, want)
		}
	}
}

func TestBrief(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m00s",
		3599 * time.Second: "59m59s", 4 * time.Hour: "4h00m", day - time.Second: "23h59m", day: "1d00h",
		30*day - time.Minute: "29d23h", math.MaxInt64: "106751d23h",
	} {
		if got := duration.Brief(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}
