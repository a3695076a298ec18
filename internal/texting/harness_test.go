package texting_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/texting"
)

const (
	from = "+12025550143"
	to   = "+15005550006"
)

// echoPhone is a phone without a webhook. The reply to each message is the text of the message.
type echoPhone struct {
	mu       sync.Mutex
	sent     []phone.Message
	skipped  time.Duration
	lost     int
	cookies  []cookies.Cookie
	answer   func(m phone.Message) *phone.Delivery // makes the reply; nil for an echo
	overlap  int                                   // no call of Send returns before this many calls have begun
	everyone chan struct{}
}

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func (h *echoPhone) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return start.Add(h.skipped)
}

func (h *echoPhone) Skip(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skipped += d
}

func (h *echoPhone) LoseCookies() { h.lost++ }

func (h *echoPhone) Cookies() []cookies.Cookie { return h.cookies }

func (h *echoPhone) Send(ctx context.Context, m phone.Message) *phone.Delivery {
	h.mu.Lock()
	if m.SID == "" {
		m.SID = fmt.Sprintf("SM%032x", len(h.sent)+1)
	}
	h.sent = append(h.sent, m)
	if len(h.sent) == h.overlap {
		close(h.everyone)
	}
	h.mu.Unlock()
	if h.overlap > 0 {
		select {
		case <-h.everyone:
		case <-ctx.Done():
			return failed(m, 11200, ctx.Err().Error())
		}
	}
	if h.answer != nil {
		return h.answer(m)
	}
	return echo(m)
}

func echo(m phone.Message) *phone.Delivery {
	return &phone.Delivery{Message: m, Replies: []phone.Reply{{From: to, To: from, Body: m.Body}}}
}

func failed(m phone.Message, code int, detail string) *phone.Delivery {
	return &phone.Delivery{Message: m, Findings: []phone.Finding{{Code: code, Detail: detail}}}
}

// bodies returns the texts that were sent, in the order of the calls of Send.
func (h *echoPhone) bodies() []string {
	var all []string
	for _, m := range h.sent {
		all = append(all, m.Body)
	}
	return all
}

// run lets p carry out lines. It returns the output and the tally.
func run(t *testing.T, p texting.Person, lines ...string) (string, texting.Tally) {
	t.Helper()
	var out strings.Builder
	p.View = &texting.View{Out: &out, From: from, To: to}
	if err := p.Run(t.Context(), source(lines...)); err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	return out.String(), p.Tally
}

func source(lines ...string) func() (string, error) {
	return func() (string, error) {
		if len(lines) == 0 {
			return "", io.EOF
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
}

var errBroken = errors.New("broken pipe")

// broken is a writer that always fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
