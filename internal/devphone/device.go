package devphone

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
)

// maxEntries is how many entries the log of a phone keeps. An entry needs about 10 KB of memory.
const maxEntries = 200

// device is a phone of the page and its log. It is safe for concurrent use.
type device struct {
	id       string
	from, to string
	phone    *phone.Phone
	isGuest  bool          // it was opened for a message from elsewhere
	revision *atomic.Int64 // of the page

	mu     sync.Mutex
	log    []entry // the oldest first
	lastID int     // the ID of the newest entry
}

// entry is an entry of the log: a message that was sent, or another action.
type entry struct {
	ID       int            `json:"id"`
	Kind     kind           `json:"kind"`
	At       time.Time      `json:"at"`              // by the phone's clock
	Hours    int            `json:"hours,omitempty"` // how many hours were skipped
	Message  *phone.Message `json:"message,omitempty"`
	Segments *gsm.Segments  `json:"segments,omitempty"` // of the message
	Outcome  *outcome       `json:"outcome,omitempty"`  // nil until the message is delivered

	revision  int64 // of the page, when the entry changed last
	exchanges []phone.Exchange
	lastCall  int // the ID of the newest call of the app before the delivery
}

// outcome is the result of a delivery.
type outcome struct {
	OK       bool               `json:"ok"`
	Took     time.Duration      `json:"took_ns"`
	Replies  []phone.Reply      `json:"replies"`
	Findings []phone.Finding    `json:"findings"`
	Cookie   phone.CookieChange `json:"cookie"`
	Place    int                `json:"place"`             // 1 for the first delivery of an action to end, and so on
	Fault    string             `json:"fault,omitempty"`   // of the last call of the app that failed
	Problem  string             `json:"problem,omitempty"` // a sentence about the fault
	Replica  int                `json:"replica,omitempty"` // the number of the replica that answered last
	Way      string             `json:"way,omitempty"`     // what happened before the answer, in sentences
}

// entries returns a copy of the log, and the ID of the newest entry.
func (d *device) entries() (log []entry, lastID int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]entry{}, d.log...), d.lastID
}

// latest returns the entries as they are now. It leaves out those that the log has dropped.
func (d *device) latest(entries []entry) []entry {
	log, _ := d.entries()
	return slices.DeleteFunc(log, func(e entry) bool {
		return !slices.ContainsFunc(entries, func(old entry) bool { return old.ID == e.ID })
	})
}

// put stores an entry in the log and returns it. An entry without an ID is new: it gets an ID and a time. If there are
// then too many entries, put drops the oldest one. An entry with an ID replaces the entry with the same ID. If that
// entry has been dropped, put does nothing.
func (d *device) put(e entry) entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.revision = d.revision.Add(1)
	if e.ID != 0 {
		if i := slices.IndexFunc(d.log, func(old entry) bool { return old.ID == e.ID }); i >= 0 {
			d.log[i] = e
		}
		return e
	}
	d.lastID++
	e.ID, e.At = d.lastID, d.phone.Now()
	d.log = append(d.log, e)
	if len(d.log) > maxEntries {
		d.log = slices.Delete(d.log, 0, 1)
	}
	return e
}

// segments returns the segments of a message. It returns nil for a message that has none: only SMS has segments.
func (d *device) segments(m phone.Message) *gsm.Segments {
	if len(m.Media) > 0 || strings.Contains(d.from, ":") {
		return nil
	}
	return new(gsm.Split(m.Body))
}

// lastMessage returns the last delivered message that has the account's signature. If there is none, it returns
// nothingSent.
func (d *device) lastMessage() (phone.Message, error) {
	log, _ := d.entries()
	for _, e := range slices.Backward(log) {
		if e.Outcome != nil && !e.Message.Forged {
			return *e.Message, nil
		}
	}
	return phone.Message{}, nothingSent
}
