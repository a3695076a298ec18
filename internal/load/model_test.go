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

// server is a webhook without HTTP. What it does wrong, it was told to. It remembers a message while fewer than 64 later
// ones of its session have been counted, and not a moment longer.
type server struct {
	forks     bool // finds sessions by the cookie alone
	forgets   bool // counts a message each time that it comes
	corrects  bool // answers a repeat with the count as it is by then
	overlaps  bool // reads, thinks, writes
	rewinds   bool // writes back what it has read when a message comes again
	reorders  bool // counts every fifth message one too high, and makes up for it with the next one
	noCounts  bool // says something else
	loses     float64
	errors    float64
	slow      time.Duration // what one step takes at most
	atOnce    func(running int)
	delivered func(m phone.Message)

	mu       sync.Mutex
	random   *rand.Rand
	running  int
	beyond   int                 // messages that came again after 64 later ones
	sessions map[string]*session // by cookie, and by sender where the cookie does not decide
}

type session struct {
	count int
	last  []counted      // the latest 64
	ever  map[string]int // all
}

type counted struct {
	sid string
	n   int
}

func newServer() *server {
	return &server{random: rand.New(rand.NewPCG(1, 2)), sessions: map[string]*session{}, slow: 50 * time.Millisecond}
}

// handset is a phone that texts a server.
type handset struct {
	*server
	from string

	mu     sync.Mutex
	cookie string
}

func (s *server) phone(from string) (Sender, error) { return &handset{server: s, from: from}, nil }

// Send delivers a message: it takes a while there, takes effect, and takes a while back. Either way may not lead anywhere,
// and a message that is lost to its sender may take effect later all the same.
func (h *handset) Send(ctx context.Context, m phone.Message) *phone.Delivery {
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

func (h *handset) reply(n int) *phone.Delivery {
	text := fmt.Sprintf("Hello, thanks for message number %d", n)
	if n == 1 {
		text = "Hello, thanks for the new message."
	}
	if h.noCounts {
		text = "Good day."
	}
	return &phone.Delivery{Replies: []phone.Reply{{Body: text}}}
}

func (h *handset) carried(m phone.Message) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Cookieless {
		return ""
	}
	return h.cookie
}

func (h *handset) enter(m phone.Message) {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	if h.running++; h.atOnce != nil {
		h.atOnce(h.running)
	}
	if h.delivered != nil {
		h.delivered(m)
	}
}

func (h *handset) leave() {
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

// count counts a message in its session and returns the count that it is answered with.
func (h *handset) count(cookie string, m phone.Message) (int, string) {
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

// write brings a message into a session that was read. Every server but the wrong ones has read it just now.
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
