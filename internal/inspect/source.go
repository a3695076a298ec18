// Package inspect is for operators: it lists, shows, watches and ends the conversations that are in Redis. It also lets a
// simulated time pass for a conversation. It answers no message, and reading a conversation does not renew it.
package inspect

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"smsession/internal/redispool"

	"smsession/internal/session"
)

// Source is the Redis whose conversations are read. It is safe for concurrent use.
type Source struct {
	Pool *redispool.Pool
	Keys session.Keys
}

// Filter selects conversations by their addresses, as a message contains them. An empty address selects all.
type Filter struct {
	To, From string
	Ended    bool // also those that were ended and that no message has started again
}

// Forever is the time to live of a key that does not expire. The service writes no such key.
const Forever = time.Duration(math.MaxInt64)

// maxNumbers is how many conversations Find returns: as many as the numbers of a Messaging Service.
// See https://www.twilio.com/docs/messaging/services.
const maxNumbers = 400

// Each calls visit with the live conversations that f selects, some at a time, in no order. A conversation whose record is of
// a later version counts as live. An error of visit ends the search, and Each returns it.
//
// Each finds the pointers with SCAN, so Redis answers messages at the same time, and no more than one page is in memory. On a Cluster it reads one primary after the other. It finds every conversation that is
// there from beginning to end. If a Cluster moves a slot meanwhile, a conversation in it may be found twice or not at all.
func (s Source) Each(ctx context.Context, f Filter, visit func([]Conversation) error) error {
	err := s.eachPage(ctx, f, func(snapshots []Snapshot) error {
		found := conversations(snapshots, f.Ended)
		if len(found) == 0 {
			return nil
		}
		return visit(found)
	})
	if err != nil {
		return fmt.Errorf("list conversations: %w", err)
	}
	return nil
}

// Find returns what Redis holds of a sender's conversations, sorted by our number. If to is empty, it returns those with
// all numbers, for which it reads all keys. A conversation without a pointer is not found, and one without a readable record
// is. It is an error if there are more than 400.
func (s Source) Find(ctx context.Context, to, from string) ([]Snapshot, error) {
	var found []Snapshot
	err := s.eachPage(ctx, Filter{To: to, From: from}, func(snapshots []Snapshot) error {
		if found = append(found, snapshots...); len(found) > maxNumbers {
			return fmt.Errorf("there are more than %d: name one number with --to", maxNumbers)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find conversations: %w", err)
	}
	slices.SortFunc(found, func(a, b Snapshot) int { return strings.Compare(a.To, b.To) })
	// A conversation in a slot that a Cluster moved meanwhile may be there twice.
	return slices.CompactFunc(found, func(a, b Snapshot) bool { return a.To == b.To }), nil
}
