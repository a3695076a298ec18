package appcheck

import (
	"strings"
	"testing"

	"smsession/internal/phone"
)

// runFleet returns a run in front of an app.
func runFleet(t *testing.T, o Options) *run {
	t.Helper()
	f, err := startFleet(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return &run{texts: textsOf(nil), fleet: f}
}

// TestChecksCanFail breaks the service below a scenario, because the checks must notice a service that gives back the
// wrong state, calls the app again for a repeat, or gives a person a reply who has opted out.
func TestChecksCanFail(t *testing.T) {
	r := runFleet(t, optionsFor(t, serve(t, cookieCounter)))
	for _, row := range []struct {
		name, want string
		play       func(s *sender) *Message
	}{
		{"a session that is lost", "The app did not get the state", func(s *sender) *Message {
			s.say(t.Context(), r.hello)
			r.fleet.rewind(nil)
			return s.say(t.Context(), r.next)
		}},
		{"an update that is lost", "The app did not get the state", func(s *sender) *Message {
			s.say(t.Context(), r.hello)
			before := r.fleet.keys()
			s.say(t.Context(), r.next)
			r.fleet.rewind(before)
			return s.say(t.Context(), r.last)
		}},
		{"a session that is adopted", "The app did not get the state", func(s *sender) *Message {
			s.say(t.Context(), r.hello)
			s.state = nil
			return s.say(t.Context(), r.next)
		}},
		{"a repeat that is forgotten", "called again", func(s *sender) *Message {
			first := s.say(t.Context(), r.hello)
			r.fleet.rewind(nil)
			again := s.send(t.Context(), "", first.delivery.Message)
			again.checkRepeat(first)
			return again
		}},
		{"a repeat with another reply", "differs from the first", func(s *sender) *Message {
			first := s.say(t.Context(), r.hello)
			second := s.say(t.Context(), r.next)
			again := s.send(t.Context(), "", first.delivery.Message)
			again.checkRepeat(second)
			return again
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := row.play(r.sender(""))
			if !hasError(m.Findings) || !strings.Contains(m.Findings[len(m.Findings)-1].Detail, row.want) {
				t.Errorf("the findings are %+v", m.Findings)
			}
		})
	}
}

// TestRepeatAtOtherReplica checks that consecutive messages of a sender go to different replicas.
func TestRepeatAtOtherReplica(t *testing.T) {
	r := runFleet(t, optionsFor(t, serve(t, cookieCounter)))
	s := r.sender("")
	first, second := s.say(t.Context(), r.hello), s.say(t.Context(), r.next)
	address := func(m *Message) string { return m.delivery.Exchanges[0].Address }
	if address(first) == address(second) || !strings.HasPrefix(address(first), r.fleet.urls[replicaA]) {
		t.Errorf("the messages go to %s and %s", address(first), address(second))
	}
	both := s.sendAll(t.Context(), "", replicaA, phone.Message{Body: r.hello}, phone.Message{Body: r.next})
	if address(both[0]) == address(both[1]) {
		t.Errorf("both messages go to %s", address(both[0]))
	}
}
