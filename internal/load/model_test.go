package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"smsession/internal/phone"
)

// server is a webhook without HTTP. Its fields select the faults that it has. It detects a repeat only while fewer than
// 64 later messages of its session have been counted.
type server struct {
	forks     bool // finds sessions by the cookie alone
	forgets   bool // counts a message each time it is delivered
	corrects  bool // answers a repeat with the current count
	overlaps  bool // waits between reading and writing a session
	rewinds   bool // restores an earlier session when a message is repeated
	reorders  bool // counts every fifth message one too high, and the next one too low
	noCounts  bool // answers without a count
	chats     bool // answers with a random text for each count
	loses     float64
	errors    float64
	slow      time.Duration // how long one step takes at most
	atOnce    func(running int)
	delivered func(m phone.Message)

	mu       sync.Mutex
	random   *rand.Rand
	running  int
	beyond   int                 // messages that were repeated after 64 later ones
	sessions map[string]*session // by sender; by cookie if forks is set
	texts    map[int]string      // by count, if chats is set
}

type session struct {
	count int
	last  []counted      // the latest 64 messages
	ever  map[string]int // all messages, by SID
}

type counted struct {
	sid string
	n   int
}

func newServer() *server {
	return &server{random: rand.New(rand.NewPCG(1, 2)), sessions: map[string]*session{},
		texts: map[int]string{}, slow: 50 * time.Millisecond}
}

// device is a phone that texts a server.
type device struct {
	*server
	from string

	mu     sync.Mutex
	cookie string
}

func (s *server) phone(from string) (Sender, error) { return &device{server: s, from: from}, nil }

// Send delivers a message. The request and the response both take some time. The message may be lost, and a lost
// message may still take effect later.
func (h *device) Send(ctx context.Context, m phone.Message) *phone.Delivery {
	cookie := h.carried(m)
	h.enter(m)
	defer h.leave()
	if !h.pause(ctx) {
		return lost(11200)
	}
	switch {
	case h.chance(h.loses):
		if h.chance(0.5) {
			time.AfterFunc(h.while()*400, func() { h.count(cookie, m) })
		} else if h.chance(0.5) {
			h.count(cookie, m)
		}
		return lost(11205)
	case h.chance(h.errors):
		return lost(11217)
	}
	n, cookie := h.count(cookie, m)
	if !h.pause(ctx) {
		return lost(11200)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cookie = cookie
	return h.reply(n)
}

func lost(code int) *phone.Delivery {
	return &phone.Delivery{Findings: []phone.Finding{
		{Code: 12200, Name: "a warning", Warning: true},
		{Code: code, Name: "name", Detail: "detail"},
	}}
}

func (h *device) reply(n int) *phone.Delivery {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	text := fmt.Sprintf("Hello, thanks for message number %d", n)
	if n == 1 {
		text = "Hello, thanks for the new message."
	}
	switch {
	case h.noCounts:
		text = "Good day."
	case h.chats && h.texts[n] == "":
		h.texts[n] = fmt.Sprintf("You sound like %x.", h.random.Uint64())
	}
	if h.chats {
		text = h.texts[n]
	}
	return &phone.Delivery{Replies: []phone.Reply{{Body: text}}}
}

func (h *device) carried(m phone.Message) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Cookieless {
		return ""
	}
	return h.cookie
}

func (h *device) enter(m phone.Message) {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	if h.running++; h.atOnce != nil {
		h.atOnce(h.running)
	}
	if h.delivered != nil {
		h.delivered(m)
	}
}

func (h *device) leave() {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	h.running--
}

func (s *server) while() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.Int64N(int64(s.slow)))
}

func (s *server) chance(share float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64() < share
}

func (s *server) pause(ctx context.Context) bool {
	select {
	case <-time.After(s.while()):
		return true
	case <-ctx.Done():
		return false
	}
}

// count counts a message in its session. It returns the count and the cookie of the answer.
func (h *device) count(cookie string, m phone.Message) (int, string) {
	s := h.server
	s.mu.Lock()
	defer s.mu.Unlock()
	key := h.from
	if s.forks {
		if key = cookie; key == "" {
			key = fmt.Sprint(h.from, "/", len(s.sessions))
		}
	}
	one := s.sessions[key]
	if one == nil {
		one = &session{ever: map[string]int{}}
		s.sessions[key] = one
	}
	read := session{count: one.count, last: slices.Clone(one.last), ever: one.ever}
	if s.overlaps || s.rewinds {
		s.mu.Unlock()
		s.pause(context.Background())
		s.mu.Lock()
	}
	return s.write(one, read, m.SID), key
}

// write adds a message to a session. read is the session as the server has read it; a correct server has just read it.
func (s *server) write(one *session, read session, sid string) int {
	for _, c := range read.last {
		if c.sid != sid || s.forgets {
			continue
		}
		if s.rewinds {
			*one = read
		}
		if s.corrects {
			return read.count
		}
		return c.n
	}
	if !s.overlaps {
		read = *one
	}
	n := read.count + 1
	if _, again := read.ever[sid]; again && !s.forgets {
		s.beyond++
	}
	read.ever[sid] = n
	last := append(read.last, counted{sid, n})
	*one = session{count: n, last: last[max(0, len(last)-64):], ever: read.ever}
	switch {
	case s.reorders && n%5 == 0:
		one.last[len(one.last)-1].n++
		return n + 1
	case s.reorders && n%5 == 1 && n > 1:
		one.last[len(one.last)-1].n--
		return n - 1
	}
	return n
}
