package main

import (
	"testing"
	"time"
)

func TestLoadDuration(t *testing.T) {
	for _, row := range []struct {
		name    string
		command loadCommand
		want    time.Duration // 0 means no limit
	}{
		{"a load lasts 30 s", loadCommand{}, 30 * time.Second},
		{"a load with a number of messages has no limit", loadCommand{Messages: 1}, 0},
		{"a load lasts as long as the flag states", loadCommand{Duration: new(time.Minute)}, time.Minute},
		{"a load may have both limits", loadCommand{Duration: new(time.Minute), Messages: 1}, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			o, _ := row.command.options()
			got := o.Duration
			if (got != nil) != (row.want != 0) || got != nil && *got != row.want {
				t.Errorf("the duration is %v, want %v", got, row.want)
			}
		})
	}
}
