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
	Record      []byte        // nil where the pointer leads to none
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
		there, err := l.read(ctx, reader{conn, s.Pool}, s.Keys)
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
	pointer := keys.Conversation(l.To, l.From)
	answers, err := r.ask(ctx, []question{{"GET", pointer}, {"PTTL", pointer}})
	if err != nil {
		return false, err
	}
	token, ok := answers[0].([]byte)
	if !ok {
		return false, nil
	}
	left, _ := answers[1].(int64)
	l.Pointer, l.PointerLeft = string(token), timeLeft(left)
	if !session.IsToken(l.Pointer) {
		return true, nil
	}
	record := keys.Session(l.Pointer)
	if answers, err = r.ask(ctx, []question{{"GET", record}, {"PTTL", record}}); err != nil {
		return false, err
	}
	l.Record, _ = answers[0].([]byte)
	left, _ = answers[1].(int64)
	l.RecordLeft = timeLeft(left)
	return true, nil
}
