package load

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	o := usualLoad(newServer())
	o.Messages = 0
	if err := o.Check(); err != nil {
		t.Errorf("a load without an end: %v", err)
	}
	for _, row := range []struct {
		want   string
		change func(o *Options)
	}{
		{"--conversations must be a whole number from 1 to 100000", func(o *Options) { o.Conversations = 0 }},
		{"--conversations must be a whole number from 1 to 100000", func(o *Options) { o.Conversations = 100_001 }},
		{"--in-flight must be a whole number from 1 to 4096", func(o *Options) { o.InFlight = -1 }},
		{"--in-flight must be a whole number from 1 to 4096", func(o *Options) { o.InFlight = 4097 }},
		{"--messages must be a whole number from 0", func(o *Options) { o.Messages = -1 }},
		{"--duration must be more than 0", func(o *Options) { o.Duration = new(-time.Second) }},
		{"--duration must be more than 0", func(o *Options) { o.Duration = new(time.Duration(0)) }},
		{"--burst must be a whole number from 1 to 20", func(o *Options) { o.Burst = 21 }},
		{"--burst is more than --in-flight", func(o *Options) { o.InFlight = 4 }},
		{"--rate must be a number from 0 to 1000000", func(o *Options) { o.Rate = -1 }},
		{"--rate must be a number from 0 to 1000000", func(o *Options) { o.Rate = math.NaN() }},
		{"--rate is too low", func(o *Options) { o.Rate = 0.001 }},
		{"--first-race must be a share from 0 to 1", func(o *Options) { o.FirstRace = 1.01 }},
		{"--resend must be a share from 0 to 1", func(o *Options) { o.Resend = -0.1 }},
		{"--lose-cookies must be a share from 0 to 1", func(o *Options) { o.LoseCookies = math.NaN() }},
	} {
		o := usualLoad(newServer())
		row.change(&o)
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("got %v, want %q", err, row.want)
		}
	}
}
