package devphone

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"smsession/internal/gsm"
	"smsession/internal/phone"
)

const (
	// maxText is Twilio's limit for the Body of a message, in characters.
	// See https://www.twilio.com/docs/messaging/guides/webhook-request.
	maxText = 1600

	// burstSize is how many messages a burst has.
	burstSize = 5

	// sendTimeout is below the 15 s in which the answer must have been written. It is longer than any one request may
	// wait for Redis.
	sendTimeout = 14 * time.Second
)

// kind is what was done to a phone: one of its buttons.
type kind string

const (
	kindText  kind = "text"
	kindAgain kind = "again" // the last message, with the same MessageSid
	kindBurst kind = "burst" // several messages at once
	kindForge kind = "forge" // signed with a token that is not the account's
	kindStop  kind = "stop"
	kindMMS   kind = "mms"

	kindLose kind = "lose" // the cookies
	kindSkip kind = "skip" // some hours
)

// picture is nowhere: the webhook is told of it, and nobody fetches it.
const picture = "https://media.example.com/picture.jpg"

// send delivers what one button press sends, and returns when all of it has been delivered.
func (p *Page) send(r *http.Request) (any, error) {
	var in struct {
		Phone string
		Body  string
		Kind  kind
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	h, err := p.find(in.Phone)
	if err != nil {
		return nil, err
	}
	messages, err := p.messages(h, in.Kind, in.Body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
	defer cancel()
	return map[string]any{"entries": h.deliver(ctx, in.Kind, messages)}, nil
}

// messages are what one button press sends.
func (p *Page) messages(h *handset, k kind, body string) ([]phone.Message, error) {
	if utf8.RuneCountInString(body) > maxText {
		return nil, fault{http.StatusBadRequest, "A message has at most 1,600 characters."}
	}
	if strings.TrimSpace(body) == "" {
		body = ""
	}
	switch k {
	case kindText:
		if body == "" {
			return nil, fault{http.StatusBadRequest, "A message needs a text."}
		}
		return []phone.Message{{Body: body}}, nil
	case kindAgain:
		m := h.latest()
		if m == nil {
			return nil, fault{http.StatusConflict, "There is no message yet to send again."}
		}
		return []phone.Message{*m}, nil
	case kindBurst:
		return burstOf(body), nil
	case kindForge:
		return []phone.Message{{Body: orElse(body, "Not from Twilio"), Forged: true}}, nil
	case kindStop:
		return []phone.Message{p.stopWord()}, nil
	case kindMMS:
		return []phone.Message{{Body: body, Media: []phone.Media{{URL: picture, ContentType: "image/jpeg"}}}}, nil
	}
	return nil, fault{http.StatusBadRequest, "There is no such kind of message."}
}

func burstOf(body string) []phone.Message {
	messages := make([]phone.Message, burstSize)
	for i := range messages {
		messages[i].Body = fmt.Sprintf("%s (%d of %d)", orElse(body, "At once"), i+1, burstSize)
	}
	return messages
}

// stopWord carries what Twilio adds only where Advanced Opt-Out is on.
func (p *Page) stopWord() phone.Message {
	m := phone.Message{Body: "STOP"}
	if p.AdvancedOptOut {
		m.OptOutType = "STOP"
	}
	return m
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// deliver sends messages at once, and returns what became of them in the order in which they stand.
func (h *handset) deliver(ctx context.Context, k kind, messages []phone.Message) []entry {
	entries := make([]entry, len(messages))
	for i := range messages {
		entries[i] = h.note(entry{Kind: k, Message: &messages[i], Segments: h.segments(messages[i])})
	}
	var all sync.WaitGroup
	for i := range entries {
		all.Go(func() {
			entries[i] = entries[i].after(h.phone.Send(ctx, *entries[i].Message))
			h.settle(entries[i])
		})
	}
	all.Wait()
	return entries
}

// after is the entry once its message has been delivered.
func (e entry) after(d *phone.Delivery) entry {
	e.Message, e.exchanges = &d.Message, d.Exchanges
	e.Outcome = &outcome{OK: d.OK(), Took: d.Took, Replies: d.Replies, Findings: d.Findings, Cookie: d.Cookie}
	return e
}

// segments is how a message is split for the air; nil where nobody counts segments: with media, and on a channel.
func (h *handset) segments(m phone.Message) *gsm.Segments {
	if len(m.Media) > 0 || strings.Contains(h.from, ":") {
		return nil
	}
	s := gsm.Split(m.Body)
	return &s
}
