package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"smsession/internal/redispool/node"
	"smsession/internal/session"
	"smsession/internal/session/record"
)

// Outcome is the effect of End. Its values are part of the JSON output.
type Outcome string

// The outcomes of End.
const (
	WasEnded    Outcome = "ended"
	EndedBefore Outcome = "ended before"
	Erased      Outcome = "erased"
	NotFound    Outcome = "nothing there" // the session has expired, or its record cannot be read
)

// Ending is the result of End.
type Ending struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Outcome Outcome `json:"what"`
	Count   int64   `json:"count,omitempty"` // how many messages it had, if the outcome is WasEnded
}

// End ends a conversation, so that the next message begins a new one. If erase is true, it deletes the conversation's
// keys instead. If messages change the record meanwhile, it tries again for up to 10 seconds. The text of the error
// states whether something may have been changed. It wraps record.ErrNewer if the record is of a later version. See
// also session.End and session.Erase.
func (s Source) End(ctx context.Context, to, from string, erase bool) (Ending, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e := Ending{To: to, From: from, Outcome: NotFound}
	if erase {
		found, err := session.Erase(ctx, s.Pool.Pool, s.Keys, to, from)
		if found {
			e.Outcome = Erased
		}
		const consequence = "the conversation may be erased in part; check it with smsession show, and erase it again"
		return e, unfinished(err, consequence)
	}
	before, found, err := session.End(ctx, s.Pool.Pool, s.Keys, to, from)
	switch {
	case err != nil || !found:
	case !before.Ended.IsZero():
		e.Outcome = EndedBefore
	default:
		e.Outcome, e.Count = WasEnded, before.Counter
	}
	isRefused := node.Code(err) != "" && !s.waits // otherwise Redis may have refused the WAIT after the end
	if isRefused || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		// An end is one command of Redis. If Redis refused it, or if it was not sent in time, then nothing was done.
		return e, explain(err)
	}
	return e, unfinished(err, "it is not known whether the conversation has ended; check it with smsession show")
}

// EndAll ends conversations one after the other, or erases them, and calls visit with each result. It goes on after an
// error of visit and after a record of a later version, and returns the first of these errors. After any other error,
// it stops: the error then states how many conversations come before the failed one.
func (s Source) EndAll(ctx context.Context, list []Conversation, erase bool, visit func(Ending) error) error {
	var first error
	for i, c := range list {
		ending, err := s.End(ctx, c.To, c.From, erase)
		switch {
		case errors.Is(err, record.ErrNewer):
			first = cmp.Or(first, err)
		case err != nil && len(list) > 1:
			return fmt.Errorf("after %d of %d conversations: %w", i, len(list), err)
		case err != nil:
			return err
		default:
			first = cmp.Or(first, visit(ending))
		}
	}
	return first
}

// unfinished adds to an error what may have been changed before it occurred. It returns nil if err is nil.
func unfinished(err error, consequence string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, record.ErrNewer):
		return fmt.Errorf("%w: use the version of smsession that wrote it", err)
	}
	if err = explain(err); errors.Is(err, context.Canceled) {
		err = errors.New("interrupted") // an interruption must not hide the consequence
	}
	return fmt.Errorf("%s: %w", consequence, err)
}

// Ending prints the result of End as a sentence, or as a JSON object. It returns the error of Out.
func (p *Printer) Ending(e Ending) error {
	text := map[Outcome]string{
		WasEnded:    fmt.Sprintf("ended after %d messages; the next one begins a new conversation", e.Count),
		EndedBefore: "had ended before; nothing was changed",
		Erased:      "erased; a late repeat of one of its messages may be counted again",
		NotFound:    "there is no live session; nothing was changed",
	}[e.Outcome]
	if e.Count == 1 {
		text = strings.Replace(text, "1 messages", "1 message", 1)
	}
	text = fmt.Sprintf("%s to %s: %s", p.address(e.From), p.address(e.To), text)
	e.From, e.To = p.mask(e.From), p.mask(e.To)
	return p.print(p.Out, e, text)
}
