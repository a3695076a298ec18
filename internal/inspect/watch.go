package inspect

import (
	"context"
	"fmt"
	"time"
)

// What happens to a conversation.
const (
	Began = "began"
	Spoke = "spoke" // a message was counted
	Ended = "ended" // by STOP, by an operator
	Gone  = "gone"  // its time was over, or it was erased
)

// Event is something that happened to a conversation between two looks.
type Event struct {
	At   time.Time // of the look that saw it
	What string
	Conversation
}

// Watch compares the conversations that there are with those that there were. It goes through all of them each time, and
// remembers those that spoke last, at most Limit: of the others it still sees who speaks, since that makes them one of the
// last, and does not see who goes. It is not safe for concurrent use.
type Watch struct {
	Source Source
	Filter Filter
	Limit  int

	Rows []Conversation // those remembered, the last to speak first
	More int            // that there were besides

	looked bool
	known  map[pair]*was
}

// was is a conversation as the last look left it.
type was struct {
	Conversation
	seen bool
}

// newestFirst is the order of those who spoke last.
func newestFirst(a, b Conversation) int { return b.Written.Compare(a.Written) }

// Look goes through the conversations and calls emit with what has happened since the last look, for each conversation in
// the order in which it happened. The first one calls it with nothing. After an error it is as if it had not looked; what
// was emitted may then come again.
func (w *Watch) Look(ctx context.Context, emit func(Event) error) error {
	next := top{order: newestFirst, limit: w.Limit}
	now := time.Now()
	for _, k := range w.known {
		k.seen = false
	}
	filter := w.Filter
	filter.Ended = true
	err := w.Source.Each(ctx, filter, func(found []Conversation) error {
		for _, c := range found {
			if err := w.compare(c, now, emit); err != nil {
				return err
			}
			if !c.Ended {
				next.add(c)
			}
		}
		return nil
	})
	for _, k := range w.known {
		if err == nil && !k.seen {
			err = emit(Event{now, Gone, k.Conversation})
		}
	}
	if err != nil {
		return err
	}
	w.Rows, w.More, w.looked = next.sorted(), next.more, true
	w.known = make(map[pair]*was, len(w.Rows))
	for _, c := range w.Rows {
		w.known[c.pair()] = &was{Conversation: c}
	}
	return nil
}

// compare says what has happened to a conversation.
func (w *Watch) compare(c Conversation, now time.Time, emit func(Event) error) error {
	known := w.known[c.pair()]
	switch {
	case !w.looked, known != nil && known.seen:
		return nil
	case known == nil:
		if c.Ended || !w.isNew(c) {
			return nil
		}
		return emit(Event{now, w.firstSeen(c), c})
	}
	known.seen = true
	switch {
	case c.Ended:
		return emit(Event{now, Ended, known.Conversation})
	case !c.Began.Equal(known.Began):
		if err := emit(Event{now, Ended, known.Conversation}); err != nil {
			return err
		}
		return emit(Event{now, Began, c})
	case c.Count != known.Count:
		return emit(Event{now, Spoke, c})
	}
	return nil
}

// isNew reports whether a conversation that is not remembered has spoken since the last look: if there was none that was
// left out, or else if it spoke later than those that were.
func (w *Watch) isNew(c Conversation) bool {
	return w.More == 0 || len(w.Rows) > 0 && c.Written.After(w.Rows[len(w.Rows)-1].Written)
}

// firstSeen tells a conversation that begins from one that was left out before.
func (w *Watch) firstSeen(c Conversation) string {
	if w.More == 0 || c.Began.After(w.Rows[0].Written) {
		return Began
	}
	return Spoke
}

// event is an Event in JSON.
type event struct {
	At   time.Time `json:"at"`
	What string    `json:"event"`
	row
}

// Object is the event as a line of JSON.
func (e Event) Object(names Names) []byte {
	return object(event{e.At.UTC(), e.What, e.row(names, e.At)})
}

// Line is the event for a person, at most 80 characters where the addresses are masked.
func (e Event) Line(names Names) string {
	count := fmt.Sprint(e.Count)
	if e.Newer {
		count = "?"
	}
	return fmt.Sprintf("%s %-5s %s %s %7s", e.At.Format("15:04:05"), e.What,
		padded(Safe(names.Show(e.From))), padded(Safe(names.Show(e.To))), count)
}
