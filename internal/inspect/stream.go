package inspect

import "fmt"

// Stream is a View that writes a line for each event, as text or as JSON. It is not safe for concurrent use.
type Stream struct {
	Printer
	// Warn is called with the failure when Redis stops answering, once until it answers again. It must not be nil.
	Warn func(failure error)

	failing bool
}

// Show writes the events. It returns the error of Out.
func (s *Stream) Show(_ *Watch, events []Event, failure error) error {
	if failure != nil && !s.failing {
		s.Warn(failure)
	}
	s.failing = failure != nil
	for _, e := range events {
		object := s.object(e.Conversation, e.At)
		object.At, object.Kind = new(e.At.UTC()), e.Kind
		if err := s.print(s.Out, object, s.event(e)); err != nil {
			return err
		}
	}
	return nil
}

// event returns an event as text. It has at most 80 characters if the addresses are masked. It ends in app if the app
// has stored something.
func (p *Printer) event(e Event) string {
	at, from, to := e.At.Format("15:04:05"), p.address(e.From), p.address(e.To)
	text := fmt.Sprintf("%s %-9s %-21s %-21s %7s", at, e.Kind, from, to, count(e.Conversation))
	if e.App > 0 {
		text += "  app"
	}
	return text
}
