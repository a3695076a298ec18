package inspect

import (
	"fmt"
	"io"
	"time"

	"smsession/internal/terminal"
)

// Stream is a View that writes one line for each event.
type Stream struct {
	Out   io.Writer
	Names Names
	JSON  bool
	// Warn is called with the failure when Redis stops answering, once until it answers again.
	Warn func(failure error)

	failing bool
}

// Event writes the event as text or as JSON.
func (s *Stream) Event(e Event) error {
	if s.JSON {
		return terminal.WriteJSON(s.Out, struct {
			At   time.Time `json:"at"`
			Kind Kind      `json:"event"`
			object
		}{e.At.UTC(), e.Kind, e.object(s.Names, e.At)})
	}
	_, err := fmt.Fprintln(s.Out, e.line(s.Names))
	return err
}

// Polled warns of a failure.
func (s *Stream) Polled(_ *Watch, failure error) error {
	if failure != nil && !s.failing {
		s.Warn(failure)
	}
	s.failing = failure != nil
	return nil
}

// line returns the event as text. It has at most 80 characters if the addresses are masked.
func (e Event) line(names Names) string {
	count := fmt.Sprint(e.Count)
	if e.Newer {
		count = "?"
	}
	return fmt.Sprintf("%s %-5s %s %s %7s", e.At.Format("15:04:05"), e.Kind, pad(names.Show(e.From)), pad(names.Show(e.To)), count)
}
