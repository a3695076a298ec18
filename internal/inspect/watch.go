package inspect

import (
	"context"
	"maps"
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

// Watch finds out what happens to conversations by comparing one poll with the one before. It reads all conversations
// each time, and remembers those with the latest messages, at most Limit. For the others it reports new messages,
// because these bring them among the latest, but not when they are gone. It is not safe for concurrent use.
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

// View shows the result of a poll to a person or a program: the events, or a failure if Redis did not answer.
type View interface {
	Show(w *Watch, events []Event, failure error) error
}

// Run polls until ctx ends, until Redis refuses, which waiting does not change, or until the view fails. It waits
// before each poll, so that a poll that takes longer than every is not followed by the next one at once.
func (w *Watch) Run(ctx context.Context, every time.Duration, view View) error {
	pause := time.NewTimer(every)
	defer pause.Stop()
	for ; ; pause.Reset(every) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		events, err := w.Poll(ctx)
		if redispool.Refused(err) {
			return err
		}
		if err := view.Show(w, events, err); err != nil {
			return err
		}
	}
}

// Poll reads the conversations and returns what has happened since the last poll that did not fail. The events of one
// conversation are in the order in which they happened. The first poll has no events.
func (w *Watch) Poll(ctx context.Context) ([]Event, error) {
	var events []Event
	add := func(kind Kind, c Conversation) {
		if w.polled {
			events = append(events, Event{At: time.Now(), Kind: kind, Conversation: c})
		}
	}
	latest := ranking{order: byLast, limit: w.Limit}
	gone := maps.Clone(w.known)
	filter := w.Filter
	filter.Ended = true
	err := w.Source.Each(ctx, filter, func(found []Conversation) error {
		for _, c := range found {
			before, known := w.known[c.pair()]
			_, first := gone[c.pair()]
			switch {
			case !known && !c.Ended && w.hasSpoken(c):
				add(w.firstKind(c), c)
			case !first: // unknown, or found twice
			case c.Ended:
				add(Ended, before)
			case !c.Began.Equal(before.Began):
				add(Ended, before)
				add(Began, c)
			case c.Count != before.Count:
				add(Spoke, c)
			}
			delete(gone, c.pair())
		}
		latest.add(slices.DeleteFunc(found, func(c Conversation) bool { return c.Ended }))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range gone {
		add(Gone, c)
	}
	w.Rows, w.More, w.polled = latest.first(), latest.dropped, true
	w.known = make(map[pair]Conversation, len(w.Rows))
	for _, c := range w.Rows {
		w.known[c.pair()] = c
	}
	return events, nil
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
