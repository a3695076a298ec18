package inspect

import (
	"context"
	"slices"
	"time"

	"smsession/internal/redispool"
)

// Kind is what happened to a conversation. Its values are part of the JSON output.
type Kind string

// The kinds of events.
const (
	Began Kind = "began"
	Spoke Kind = "spoke" // a message was counted
	Ended Kind = "ended" // by STOP or by an operator
	Gone  Kind = "gone"  // the session expired, or it was erased
)

// Event is something that happened to a conversation between two polls.
type Event struct {
	At   time.Time // of the poll that found it
	Kind Kind
	Conversation
}

// Watch finds out what happens to conversations by comparing one poll with the one before. It reads all conversations each
// time, and remembers those with the latest messages, at most Limit. For the others it reports new messages, because these
// bring them among the latest, but not when they are gone. It is not safe for concurrent use.
type Watch struct {
	Source Source
	Filter Filter
	Limit  int

	Rows []Conversation // the remembered ones, the latest message first
	More int            // how many others there were

	polled bool
	known  map[pair]Conversation // Rows by their addresses
}

// pair identifies a conversation.
type pair struct{ to, from string }

func (c Conversation) pair() pair { return pair{c.To, c.From} }

// View shows a person or a program what a watch finds.
type View interface {
	Event(Event) error
	// Polled is called after each poll. A failure is not nil if Redis did not answer.
	Polled(w *Watch, failure error) error
}

// Run polls every so often until ctx ends or an error comes that waiting cannot remove: a refusal of Redis's, or an error of
// the view. It waits before each poll, and counts from the end of the one before: a poll that takes longer than every is not
// followed by the next one at once.
func (w *Watch) Run(ctx context.Context, every time.Duration, view View) error {
	pause := time.NewTimer(every)
	defer pause.Stop()
	for ; ; pause.Reset(every) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		var broken error
		err := w.Poll(ctx, func(e Event) error {
			broken = view.Event(e)
			return broken
		})
		if broken != nil || redispool.Refused(err) {
			return err
		}
		if err := view.Polled(w, err); err != nil {
			return err
		}
	}
}

// Poll reads the conversations and calls emit with what has happened since the last poll. The events of one conversation come
// in the order in which they happened. The first poll has no events. A poll that fails changes nothing, so its events may
// come again.
func (w *Watch) Poll(ctx context.Context, emit func(Event) error) error {
	now := time.Now()
	latest := ranking{order: byLast, limit: w.Limit}
	seen := map[pair]bool{} // of those known
	filter := w.Filter
	filter.Ended = true
	err := w.Source.Each(ctx, filter, func(found []Conversation) error {
		for _, c := range found {
			before, known := w.known[c.pair()]
			if w.polled && !seen[c.pair()] {
				for _, e := range w.events(c, before, known) {
					e.At = now
					if err := emit(e); err != nil {
						return err
					}
				}
			}
			if known {
				seen[c.pair()] = true
			}
		}
		latest.add(slices.DeleteFunc(found, func(c Conversation) bool { return c.Ended }))
		return nil
	})
	for _, before := range w.known {
		if err == nil && !seen[before.pair()] {
			err = emit(Event{At: now, Kind: Gone, Conversation: before})
		}
	}
	if err != nil {
		return err
	}
	w.Rows, w.More, w.polled = latest.first(), latest.dropped, true
	w.known = make(map[pair]Conversation, len(w.Rows))
	for _, c := range w.Rows {
		w.known[c.pair()] = c
	}
	return nil
}

// events returns what has happened to a conversation.
func (w *Watch) events(c, before Conversation, known bool) []Event {
	switch {
	case !known && !c.Ended && w.hasSpoken(c):
		return []Event{{Kind: w.firstKind(c), Conversation: c}}
	case !known:
		return nil
	case c.Ended:
		return []Event{{Kind: Ended, Conversation: before}}
	case !c.Began.Equal(before.Began):
		return []Event{{Kind: Ended, Conversation: before}, {Kind: Began, Conversation: c}}
	case c.Count != before.Count:
		return []Event{{Kind: Spoke, Conversation: c}}
	}
	return nil
}

// hasSpoken reports whether a conversation that is not remembered has a message since the last poll: it is new, or its
// message is later than those of the remembered ones.
func (w *Watch) hasSpoken(c Conversation) bool {
	return w.More == 0 || len(w.Rows) > 0 && c.Written.After(w.Rows[len(w.Rows)-1].Written)
}

// firstKind distinguishes a new conversation from one that was there before and was not remembered.
func (w *Watch) firstKind(c Conversation) Kind {
	if w.More == 0 || c.Began.After(w.Rows[0].Written) {
		return Began
	}
	return Spoke
}
