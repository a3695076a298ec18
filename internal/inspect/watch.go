package inspect

import (
	"context"
	"maps"
	"slices"
	"time"

	"smsession/internal/redispool"
)

// Kind is a kind of event. Its values are part of the JSON output.
type Kind string

// The kinds of events.
const (
	Began     Kind = "began"
	Continued Kind = "continued" // a message was counted
	Ended     Kind = "ended"     // by STOP, by the app or by an operator
	Gone      Kind = "gone"      // the session expired, or it was erased
)

// Event is something that happened to a conversation between two polls.
type Event struct {
	At   time.Time // of the poll that found it
	Kind Kind
	Conversation
}

// Watch finds out what happens to conversations by comparing each poll with the previous one. Each poll reads all
// conversations. Watch remembers at most Limit conversations, those with the latest messages. It also reports a new
// message of any other conversation, because the conversation is then among the latest. It does not report when such a
// conversation is gone. It is not safe for concurrent use.
type Watch struct {
	Source Source
	Filter Filter
	Limit  int

	Rows []Conversation // the remembered conversations, the latest message first
	More int            // how many conversations are not in Rows

	remembered map[[2]string]Conversation // Rows by their addresses; nil before the first poll
}

// pair returns the two addresses, which identify a conversation.
func (c Conversation) pair() [2]string { return [2]string{c.To, c.From} }

// View shows the result of a poll to a person or a program: the events, or a failure if Redis did not answer. An error
// of Show ends Watch.Run.
type View interface {
	Show(w *Watch, events []Event, failure error) error
}

// Run polls and calls the view after each poll. It waits before each poll, so that Redis can answer messages between
// two polls, even if a poll takes longer than every. It returns the error of ctx after the end of ctx, an error of the
// view, or an error for which redispool.Refused is true. After any other error of Redis, it continues.
func (w *Watch) Run(ctx context.Context, every time.Duration, view View) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
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
// conversation are in the order in which they happened. The first poll has no events. The errors are those of
// Source.List. After an error, w is unchanged.
func (w *Watch) Poll(ctx context.Context) ([]Event, error) {
	var events []Event
	add := func(kind Kind, c Conversation) {
		if w.remembered != nil {
			events = append(events, Event{At: time.Now(), Kind: kind, Conversation: c})
		}
	}
	latest := ranking{order: byLast, limit: w.Limit}
	gone := maps.Clone(w.remembered)
	filter := w.Filter
	filter.Ended = true
	err := w.Source.List(ctx, filter, "", 0, func(found []Conversation) error {
		for _, c := range found {
			before, isRemembered := w.remembered[c.pair()]
			_, isFirst := gone[c.pair()]
			switch {
			case !isRemembered && !c.Ended && w.hasContinued(c):
				add(w.firstKind(c), c)
			case !isFirst: // c is not remembered, or List has found it twice
			case c.Ended:
				add(Ended, before)
			case !c.Began.Equal(before.Began):
				add(Ended, before)
				add(Began, c)
			case c.Count != before.Count:
				add(Continued, c)
			}
			delete(gone, c.pair())
		}
		return latest.add(slices.DeleteFunc(found, func(c Conversation) bool { return c.Ended }))
	})
	if err != nil {
		return nil, err
	}
	for _, c := range gone {
		add(Gone, c)
	}
	latest.cut()
	w.Rows, w.More = latest.rows, latest.dropped
	w.remembered = make(map[[2]string]Conversation, len(w.Rows))
	for _, c := range w.Rows {
		w.remembered[c.pair()] = c
	}
	return events, nil
}

// hasContinued reports whether a conversation that is not remembered has a message since the last poll. This is so if
// it is new, or if its last message is later than the last message of a remembered conversation. Records have times in
// seconds, so hasContinued misses a message if as many conversations as are remembered have one in the same second.
func (w *Watch) hasContinued(c Conversation) bool {
	return w.More == 0 || len(w.Rows) > 0 && c.Written.After(w.Rows[len(w.Rows)-1].Written)
}

// firstKind returns Began for a new conversation, and Continued for an earlier one that was not remembered.
func (w *Watch) firstKind(c Conversation) Kind {
	if w.More == 0 || !c.Began.Before(w.Rows[0].Written) {
		return Began
	}
	return Continued
}
