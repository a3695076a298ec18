package session

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// rememberedRecords is how many records a replica keeps: at 3 KB for a record that is full, 12 MB.
	rememberedRecords = 4096

	// longestRemembered shuts out what unknown fields have blown up.
	longestRemembered = 8 << 10

	// fullTrust is how far the trust goes up and down: so many right guesses in a row outweigh all wrong ones before.
	fullTrust = 16
)

// recent remembers the records that this replica saved last. The next message of such a conversation is answered from
// there, without asking Redis first: if another replica has saved the record since, the commit is refused, and brings
// what Redis holds. So nothing depends on it, a right guess saves one of two round trips, and a wrong one costs none,
// unless the session has ended by time meanwhile.
//
// A wrong guess does cost work, though, so it guesses only while most guesses would have been right: with one replica,
// or behind a balancer that sends a conversation to the same one. It finds out without guessing, by comparing.
//
// It is safe for concurrent use.
type recent struct {
	mu     sync.Mutex
	places map[string]int // of a token in the ring
	ring   []lastSaved
	next   int // the place that is taken next, once all are
	trust  int // above 0 while guesses are right more often than not
}

// lastSaved is a record that was saved under a token, nil if it is known to be another one by now, or was taken.
type lastSaved struct {
	token  string
	record []byte
}

func newRecent() *recent { return &recent{places: map[string]int{}} }

// take returns the record that a token probably still has, and nil if it knows none or does not trust itself. The record is
// the caller's from then on, and not remembered any more: a right guess is followed by a record that is saved.
func (r *recent) take(token string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	place, found := r.places[token]
	if !found || r.trust <= 0 {
		return nil
	}
	record := r.ring[place].record
	r.ring[place].record = nil
	return record
}

// judge takes note of whether a guess was right.
func (r *recent) judge(right bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weigh(right)
}

// learn takes note of what a record is in Redis, nil if it is not there, where no guess was made: whether one would have
// been right. It forgets a record that is another one by now.
func (r *recent) learn(token string, record []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place, found := r.places[token]
	if !found || r.ring[place].record == nil {
		return
	}
	right := bytes.Equal(r.ring[place].record, record)
	if !right {
		r.ring[place].record = nil
	}
	r.weigh(right)
}

// weigh moves the trust. The caller holds the lock.
func (r *recent) weigh(right bool) {
	if right {
		r.trust = min(r.trust+1, fullTrust)
	} else {
		r.trust = max(r.trust-1, -fullTrust)
	}
}

// saved remembers a record, which is not the caller's any more, and returns room for another one.
func (r *recent) saved(token string, record []byte) (room []byte) {
	switch {
	case len(record) > longestRemembered:
		record = nil
	case cap(record) > 2*longestRemembered: // it was written into the room of a long one, which must not be kept for it
		record = bytes.Clone(record)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	place, found := r.places[token]
	if !found {
		place = r.place(strings.Clone(token)) // it may be part of a longer text
	}
	room, r.ring[place].record = r.ring[place].record, record
	return room
}

// place makes room for a token.
func (r *recent) place(token string) int {
	place := len(r.ring)
	if place < rememberedRecords {
		r.ring = append(r.ring, lastSaved{token: token})
	} else {
		place = r.next
		r.next = (r.next + 1) % rememberedRecords
		delete(r.places, r.ring[place].token)
		r.ring[place].token = token
	}
	r.places[token] = place
	return place
}
