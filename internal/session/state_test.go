package session

import (
	"testing"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// A responder must be able to tell a new conversation from one that was ended: only for a new one, an app gets cookies
// that it set before.
func TestStateOf(t *testing.T) {
	fresh := record.New("+1", "+2")
	state := conversation.State{Counter: 2, Data: []byte("{}")}
	begun := fresh.Begin(time.Unix(100, 0), time.Hour).
		Answer(state, time.Unix(200, 0), "SM1", conversation.Reply{}, recallsNothing)
	for _, row := range []struct {
		name           string
		record         *record.Record
		counter        int64
		data           string
		began, written int64 // in Unix time; 0 for the zero time
	}{
		{"a new record has the zero state", fresh, 0, "", 0, 0},
		{"a conversation that goes on has everything", begun, 2, "{}", 100, 200},
		{"a conversation that was ended has only the time of its end", begun.End(time.Unix(300, 0)), 0, "", 0, 300},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := func(unix int64, got time.Time) bool {
				return unix == 0 && got.IsZero() || unix != 0 && got.Unix() == unix
			}
			s := stateOf(row.record)
			isEqual := s.Counter == row.counter && string(s.Data) == row.data
			if !isEqual || !at(row.began, s.Began) || !at(row.written, s.Written) {
				t.Errorf("the state is %+v", s)
			}
		})
	}
}
