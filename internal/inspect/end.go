package inspect

import (
	"context"
	"fmt"

	"smsession/internal/session"
)

// Outcome is what End or Erase did. Its values are part of the JSON output.
type Outcome string

// The outcomes.
const (
	WasEnded    Outcome = "ended"
	EndedBefore Outcome = "ended before"
	Erased      Outcome = "erased"
	NotFound    Outcome = "nothing there" // the session has expired, or its record cannot be read
)

// Ending is the end of a conversation.
type Ending struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Outcome Outcome `json:"what"`
	Count   int64   `json:"count,omitempty"` // how many messages it had, if the outcome is WasEnded
}

// End ends a conversation, so that the next message begins a new one. If erase is set, it deletes the conversation's keys
// instead. For the errors see session.End and session.Erase.
func (s Source) End(ctx context.Context, to, from string, erase bool) (Ending, error) {
	e := Ending{To: to, From: from, Outcome: NotFound}
	if erase {
		found, err := session.Erase(ctx, s.Pool.Pool, s.Keys, to, from)
		if found {
			e.Outcome = Erased
		}
		return e, err
	}
	before, found, err := session.End(ctx, s.Pool.Pool, s.Keys, to, from)
	switch {
	case err != nil || !found:
	case !before.Ended.IsZero():
		e.Outcome = EndedBefore
	default:
		e.Outcome, e.Count = WasEnded, before.Counter
	}
	return e, err
}

// Ending prints the end of a conversation: as a sentence, or as an object of JSON.
func (p *Printer) Ending(e Ending) error {
	text := "there is no live session; nothing was changed"
	switch {
	case e.Outcome == WasEnded && e.Count == 1:
		text = "ended after 1 message; the next one begins a new conversation"
	case e.Outcome == WasEnded:
		text = fmt.Sprintf("ended after %d messages; the next one begins a new conversation", e.Count)
	case e.Outcome == EndedBefore:
		text = "had ended before; nothing was changed"
	case e.Outcome == Erased:
		text = "erased; a late repeat of one of its messages may be counted again"
	}
	text = p.pair(e.From, e.To) + ": " + text
	e.From, e.To = p.show(e.From), p.show(e.To)
	return p.print(e, text)
}
