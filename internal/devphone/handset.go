package devphone

import (
	"sync"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/gsm"
	"smsession/internal/phone"
)

// maxEntries is how much of a phone's past is kept: some 10 KB each.
const maxEntries = 200

// handset is one phone on the page, and what happened on it.
type handset struct {
	id       string
	from, to string
	phone    *phone.Phone

	mu      sync.Mutex
	entries []entry // oldest first
	last    int     // the number of the last one
}

// entry is one thing that happened on a phone: a message, or something else that was done to it.
type entry struct {
	ID       int            `json:"id"`
	Kind     kind           `json:"kind"`
	At       time.Time      `json:"at"`              // by the phone's clock
	Hours    int            `json:"hours,omitempty"` // that passed
	Message  *phone.Message `json:"message,omitempty"`
	Segments *gsm.Segments  `json:"segments,omitempty"` // of the message
	Outcome  *outcome       `json:"outcome,omitempty"`  // nil while the message is on its way

	exchanges []phone.Exchange
}

// outcome is what became of a message.
type outcome struct {
	OK       bool               `json:"ok"`
	Took     time.Duration      `json:"took_ns"`
	Replies  []phone.Reply      `json:"replies"`
	Findings []phone.Finding    `json:"findings"`
	Cookie   phone.CookieChange `json:"cookie"`
}

// handsetView is a phone as the page shows it.
type handsetView struct {
	ID      string           `json:"id"`
	From    string           `json:"from"`
	Now     time.Time        `json:"now"` // by the phone's clock
	Cookies []cookies.Cookie `json:"cookies"`
	Last    int              `json:"last"`
	Entries []entry          `json:"entries"`
}

func (h *handset) view() handsetView {
	h.mu.Lock()
	defer h.mu.Unlock()
	return handsetView{
		ID: h.id, From: h.from, Now: h.phone.Now(), Cookies: h.phone.Cookies(),
		Last: h.last, Entries: append([]entry{}, h.entries...),
	}
}

// note takes an entry up and numbers it. The oldest one goes where there are too many.
func (h *handset) note(e entry) entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	e.ID, e.At = h.last, h.phone.Now()
	if len(h.entries) == maxEntries {
		h.entries = append(h.entries[:0], h.entries[1:]...)
	}
	h.entries = append(h.entries, e)
	return e
}

// settle replaces an entry by what became of it, if it is still there.
func (h *handset) settle(e entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.entries {
		if h.entries[i].ID == e.ID {
			h.entries[i] = e
		}
	}
}

// entry returns the entry with a number.
func (h *handset) entry(id int) (entry, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.entries {
		if e.ID == id {
			return e, true
		}
	}
	return entry{}, false
}

// latest returns the last message that was delivered, and that Twilio would have signed; nil if there is none.
func (h *handset) latest() *phone.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.entries) - 1; i >= 0; i-- {
		if e := h.entries[i]; e.Outcome != nil && !e.Message.Forged {
			return e.Message
		}
	}
	return nil
}

// number is how many entries there have been.
func (h *handset) number() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}
