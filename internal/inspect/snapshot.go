package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

// Snapshot is what Redis contained about one conversation at one moment.
type Snapshot struct {
	To, From   string
	Pointer    string        // the value of the pointer, normally a token; "" if the value is too large to be read
	PointerTTL time.Duration // Forever if the pointer does not expire
	Record     []byte        // nil if the pointer leads to no string, or to one that is too large to be read
	RecordSize int64         // in bytes, also of a record that was not read
	RecordTTL  time.Duration // Forever if the record does not expire
}

// Read returns what Redis contains about the conversation between two addresses, written as in a message. It reports
// false if there is no pointer. It renews nothing.
func Read(ctx context.Context, pool *redis.Pool, keys record.Keys, to, from string) (Snapshot, bool, error) {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return Snapshot{}, false, fmt.Errorf("read conversation: %w", err)
	}
	defer conn.Close()
	r := reader{conn, clusterKeys}
	found, err := read(keys, []string{keys.Conversation(to, from)}, r, r)
	if err != nil {
		return Snapshot{}, false, fmt.Errorf("read conversation: %w", err)
	}
	if len(found) == 0 {
		return Snapshot{}, false, nil
	}
	return found[0], true, nil
}

// read returns the conversations of some pointers. It leaves out pointers that no longer exist.
func read(keys record.Keys, pointers []string, pointerReader, recordReader reader) ([]Snapshot, error) {
	maxSize := int64(record.TokenLength)
	tokens, err := pointerReader.values(pointers, maxSize)
	if err != nil {
		return nil, err
	}
	found := make([]Snapshot, 0, len(pointers)) // never reallocated, because of owners
	var records []string
	var owners []*Snapshot
	for i, token := range tokens {
		to, from, isPointer := keys.Addresses(pointers[i])
		if !isPointer || token.text == nil && token.size <= maxSize {
			continue
		}
		found = append(found, Snapshot{To: to, From: from, Pointer: string(token.text), PointerTTL: token.ttl})
		if record.IsToken(string(token.text)) {
			records, owners = append(records, keys.Session(string(token.text))), append(owners, &found[len(found)-1])
		}
	}
	values, err := recordReader.values(records, record.MaxSize)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		owners[i].Record, owners[i].RecordSize, owners[i].RecordTTL = v.text, v.size, v.ttl
	}
	return found, nil
}

// state describes a conversation, and what its next message will do.
type state string

const (
	live              state = "live"
	ended             state = "ended; the next message begins a new conversation"
	expired           state = "past its deadline; the next message begins a new conversation"
	noToken           state = "the pointer contains no token; the next message begins a new conversation, unless it carries the cookie of a record"
	noRecord          state = "the pointer leads to no record; the next message begins a new conversation"
	unreadable        state = "the record cannot be read; the next message moves it to quarantine and begins a new conversation"
	tooLarge          state = "the record is too large; the next message moves it to quarantine and begins a new conversation"
	otherConversation state = "the pointer leads to the record of another conversation; the next message begins a new conversation"
	laterVersion      state = "the record is of a later version of smsession; this version does not change it"
)

// parse returns the state of the conversation and its record. The record is nil if it cannot be read or belongs to
// another conversation.
func (s Snapshot) parse(now time.Time) (state, *record.Record) {
	switch {
	case !record.IsToken(s.Pointer):
		return noToken, nil
	case s.RecordSize > record.MaxSize:
		return tooLarge, nil
	case s.Record == nil:
		return noRecord, nil
	}
	r, err := record.Parse(s.Record)
	switch {
	case errors.Is(err, record.ErrNewer):
		return laterVersion, nil
	case err != nil:
		return unreadable, nil
	case !r.Belongs(s.To, s.From):
		return otherConversation, nil
	case !r.Ended.IsZero():
		return ended, r
	case !now.Before(r.Deadline):
		return expired, r
	}
	return live, r
}

// Conversation is a conversation in a list.
type Conversation struct {
	To, From string
	Count    int64
	Began    time.Time
	Written  time.Time     // when the last message was counted, by the clock of the replica
	Left     time.Duration // until the session expires if no message comes; Forever if nothing limits it
	Ended    bool
	Newer    bool // the record has a later version: only To, From and Left are set
}

// conversations returns the live conversations among the snapshots. If withEnded is set, it also returns ended ones.
func conversations(snapshots []Snapshot, withEnded bool) []Conversation {
	now := time.Now()
	var found []Conversation
	for _, s := range snapshots {
		c := Conversation{To: s.To, From: s.From, Left: s.RecordTTL}
		switch state, r := s.parse(now); state {
		case ended, live:
			if state == ended && !withEnded || !now.Before(r.Deadline) {
				continue
			}
			c.Count, c.Began, c.Written, c.Ended = r.Counter, r.Began, r.Written, state == ended
			c.Left = min(c.Left, r.Deadline.Sub(now))
		case laterVersion:
			c.Newer = true
		default:
			continue
		}
		found = append(found, c)
	}
	return found
}
