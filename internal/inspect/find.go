package inspect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"smsession/internal/conversation"
)

// AmbiguousError is the error of Select and Find if a masked address or the beginning of a token fits more than one.
type AmbiguousError struct {
	problem string
	Found   []Conversation // the conversations that fit, sorted by their addresses
}

// Error states the problem. It quotes no address and no token.
func (e *AmbiguousError) Error() string { return e.problem }

// MinToken is the least length of a Filter's Token: as many characters as the lists of conversations show. Among
// 1,000,000 conversations, about 7 pairs begin with the same 6 characters (1,000,000² / 2 / 64⁶).
const MinToken = 6

// Select returns the conversations that f selects, sorted by our number and by sender. With Ended, it returns also
// those that have ended or expired, and those whose record cannot be read, but not those without a pointer. It keeps
// about 200 bytes in memory for each. Unless f names all addresses in full, Select reads all keys, as List does. The
// error is ErrUnknown if it finds nothing, and an *AmbiguousError if a masked address belongs to several numbers, or a
// token to several sessions, and LiveWins does not decide. For all other errors, see List.
func (s Source) Select(ctx context.Context, f Filter) ([]Conversation, error) {
	var found []Conversation
	now := time.Now()
	err := s.eachPage(ctx, f, func(snapshots []Snapshot) error {
		for _, snapshot := range snapshots {
			if c := snapshot.conversation(now); c.Live || f.Ended {
				found = append(found, c)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, explain(fmt.Errorf("find conversations: %w", err))
	case len(found) == 0 && f.Token != "":
		return nil, errUnknownToken
	case len(found) == 0:
		return nil, ErrUnknown
	}
	slices.SortFunc(found, Order("").compare)
	// If a Cluster moved a slot meanwhile, a conversation in it may have been found twice.
	found = slices.CompactFunc(found, func(a, b Conversation) bool { return a.pair() == b.pair() })
	return f.decide(found)
}

// decide returns the conversations that f means, or an *AmbiguousError.
func (f Filter) decide(found []Conversation) ([]Conversation, error) {
	err := f.ambiguity(found)
	if err == nil {
		return found, nil
	}
	certain := f.certain(found)
	if f.LiveWins && len(certain) > 0 && f.ambiguity(certain) == nil {
		return certain, nil
	}
	return nil, err
}

// ambiguity returns an *AmbiguousError, or nil.
func (f Filter) ambiguity(found []Conversation) error {
	const hint = ": write the whole number, or use --token"
	switch {
	case f.Token != "" && len(found) > 1:
		return &AmbiguousError{"several sessions have a token that begins with these characters: use more of them, or the number", found}
	case slices.ContainsFunc(f.From, isMasked) && isMerged(found, func(c Conversation) string { return c.From }):
		return &AmbiguousError{"several senders have the same masked number" + hint, found}
	case isMasked(f.To) && isMerged(found, func(c Conversation) string { return c.To }):
		return &AmbiguousError{"several of our numbers have the same masked number" + hint, found}
	}
	return nil
}

// isMerged reports whether two different addresses of the conversations have the same mask.
func isMerged(found []Conversation, address func(Conversation) string) bool {
	whole := map[string]string{} // by the mask
	for _, c := range found {
		mask := conversation.Mask(address(c))
		if other, isThere := whole[mask]; isThere && other != address(c) {
			return true
		}
		whole[mask] = address(c)
	}
	return false
}

// maxNumbers limits how many conversations Find returns. A Messaging Service has at most this many numbers.
// See https://www.twilio.com/docs/messaging/services.
const maxNumbers = 400

// Find returns the values in Redis of the conversations that f selects, in any state. It is an error if there are more
// than 400. For all other errors, see Select.
func (s Source) Find(ctx context.Context, f Filter) ([]Snapshot, error) {
	f.Ended = true
	selected, err := s.Select(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(selected) > maxNumbers {
		return nil, fmt.Errorf("there are more than %d conversations: name one of our numbers with --to", maxNumbers)
	}
	var found []Snapshot
	for _, c := range selected {
		snapshot, isThere, err := Read(ctx, s.Pool.Pool, s.Keys, c.To, c.From)
		if err != nil {
			return nil, explain(err)
		}
		if isThere { // it has not expired in the meantime
			found = append(found, snapshot)
		}
	}
	return found, nil
}
