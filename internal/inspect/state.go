package inspect

import (
	"errors"
	"time"

	"smsession/internal/session/record"
)

// state describes a conversation and the effect of its next message, as a text for the operator.
type state string

const (
	live              state = "live"
	ended             state = "ended" + begins
	expired           state = "past its deadline" + begins
	noToken           state = "the pointer contains no token" + begins + ", unless it carries the cookie of a record"
	noRecord          state = "the pointer leads to no record" + begins
	otherConversation state = "the pointer leads to the record of another conversation" + begins
	unreadable        state = "the record cannot be read" + quarantined
	tooLarge          state = "the record is too large" + quarantined
	laterVersion      state = "the record is of a later version of smsession; this version does not change it"

	begins      = "; the next message begins a new conversation"
	quarantined = "; the next message moves it to quarantine and begins a new conversation"
)

// parse returns the state of the conversation and its record. The record is nil if it cannot be read or belongs to
// another conversation.
func (s Snapshot) parse(now time.Time) (state, *record.Record) {
	switch {
	case !record.IsToken(string(s.Pointer.Text)):
		return noToken, nil
	case s.Record.Size > record.MaxSize:
		return tooLarge, nil
	case s.Record.Text == nil:
		return noRecord, nil
	}
	r, err := record.Parse(s.Record.Text)
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
	Token    string // of the session; empty if the pointer contains none. Whoever has it can take over the session
	Count    int64
	Began    time.Time
	Written  time.Time     // when the last message was counted, by the clock of the replica
	Left     time.Duration // until the session expires if no message comes; Forever if nothing limits it
	App      int           // the size in bytes of what the app has stored; 0 if it has stored nothing
	Live     bool          // a message would continue it
	Ended    bool
	Opaque   bool // the record cannot be read, or has a later version: Count, Began, Written and App are not known
}

// conversation returns the conversation of a snapshot. One whose record has a later version counts as live.
func (s Snapshot) conversation(now time.Time) Conversation {
	state, r := s.parse(now)
	c := Conversation{To: s.To, From: s.From, Left: s.Record.TTL, Opaque: r == nil}
	c.Live, c.Ended = state == live || state == laterVersion, state == ended
	if state != noToken {
		c.Token = string(s.Pointer.Text)
	}
	if r != nil {
		c.Count, c.Began, c.Written, c.Left = r.Counter, r.Began, r.Written, min(c.Left, r.Deadline.Sub(now))
		c.App = len(r.Data)
	}
	return c
}

// conversations returns the live conversations among the snapshots. If withEnded is set, it also returns ended ones.
func conversations(snapshots []Snapshot, withEnded bool) []Conversation {
	now := time.Now()
	var found []Conversation
	for _, s := range snapshots {
		if c := s.conversation(now); c.Live || c.Ended && withEnded && c.Left > 0 {
			found = append(found, c)
		}
	}
	return found
}
