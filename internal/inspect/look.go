package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session"
)

// Look is everything that Redis holds of one conversation.
type Look struct {
	To, From    string
	Pointer     string        // what it holds
	PointerLeft time.Duration // until it is gone; Forever if it stays
	Record      []byte        // nil if the pointer leads to no record that can be read
	RecordSize  int64         // in bytes; a value that is too large is not read
	RecordLeft  time.Duration
}

// maxNumbers is how many conversations of one sender are looked for: it is that of a Messaging Service's numbers.
// See https://www.twilio.com/docs/messaging/services.
const maxNumbers = 400

// Look returns what there is of a sender's conversations: that with one number, or, where to is "", with all of them, in
// their order. It renews nothing. To look for all of them it goes through all keys.
func (s Source) Look(ctx context.Context, to, from string) ([]Look, error) {
	looks := []Look{{To: to, From: from}}
	if to == "" {
		var err error
		if looks, err = s.numbers(ctx, from); err != nil {
			return nil, fmt.Errorf("look for conversations: %w", err)
		}
	}
	conn, err := s.Pool.GetContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("find conversation: %w", err)
	}
	defer conn.Close()
	var found []Look
	for _, l := range looks {
		there, err := l.read(ctx, reader{conn, s.Pool.Pool}, s.Keys)
		if err != nil {
			return nil, fmt.Errorf("find conversation: %w", err)
		}
		if there {
			found = append(found, l)
		}
	}
	return found, nil
}

// numbers are the numbers that a sender has a conversation with.
func (s Source) numbers(ctx context.Context, from string) ([]Look, error) {
	var looks []Look
	err := s.keys(ctx, Filter{From: from}, func(_ redis.Conn, keys []string) error {
		for _, key := range keys {
			to, from, ok := s.Keys.Addresses(key)
			if l := (Look{To: to, From: from}); ok && !slices.ContainsFunc(looks, l.same) {
				looks = append(looks, l)
			}
		}
		if len(looks) > maxNumbers {
			return fmt.Errorf("there are more than %d: say which number with --to", maxNumbers)
		}
		return nil
	})
	slices.SortFunc(looks, func(a, b Look) int { return strings.Compare(a.To, b.To) })
	return looks, err
}

func (l Look) same(other Look) bool { return l.To == other.To && l.From == other.From }

// read fills in what there is, and reports whether there is anything.
func (l *Look) read(ctx context.Context, r reader, keys session.Keys) (bool, error) {
	longest := int64(session.TokenLength())
	pointers, err := r.values(ctx, []string{keys.Conversation(l.To, l.From)}, longest)
	if err != nil {
		return false, err
	}
	pointer := pointers[0]
	if pointer.text == nil && pointer.size <= longest {
		return false, nil
	}
	l.Pointer, l.PointerLeft = string(pointer.text), pointer.left
	if !session.IsToken(l.Pointer) {
		return true, nil
	}
	records, err := r.values(ctx, []string{keys.Session(l.Pointer)}, session.MaxValue)
	if err != nil {
		return false, err
	}
	l.Record, l.RecordSize, l.RecordLeft = records[0].text, records[0].size, records[0].left
	return true, nil
}
