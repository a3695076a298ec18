package devphone

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"smsession/internal/gsm"
	"smsession/internal/inspect"
	"smsession/internal/phone"
)

const (
	// maxText is Twilio's limit for the Body of a message, in characters.
	// See https://www.twilio.com/docs/messaging/guides/webhook-request.
	maxText = 1600

	burstSize = 5   // messages
	maxHours  = 720 // that can be skipped at once: 30 days

	// sendTimeout is shorter than the 15 s after which the service closes the connection, and longer than a message
	// waits for Redis.
	sendTimeout = 14 * time.Second
)

// kind is the kind of an action. Each button has its own.
type kind string

const (
	kindText  kind = "text"
	kindAgain kind = "again" // the last message, with the same MessageSid
	kindBurst kind = "burst" // several messages at once
	kindForge kind = "forge" // a message that is signed with a wrong token
	kindStop  kind = "stop"
	kindMMS   kind = "mms"

	kindLose kind = "lose" // lose the cookies that Twilio would keep for the phone
	kindSkip kind = "skip" // skip some hours
)

// mediaURL does not exist. The webhook gets the URL, and nobody fetches it.
const mediaURL = "https://media.example.com/picture.jpg"

// act does what a button says. It returns the new entries of the phone's log when all messages are delivered.
func (p *Page) act(ctx context.Context, d *device, in request) (any, error) {
	added := func(entries ...entry) any { return map[string]any{"entries": entries} }
	switch in.Kind {
	case kindLose:
		d.phone.LoseCookies()
		return added(d.put(entry{Kind: kindLose})), nil
	case kindSkip:
		if err := p.skip(ctx, d, in.Hours); err != nil {
			return nil, err
		}
		return added(d.put(entry{Kind: kindSkip, Hours: in.Hours})), nil
	}
	messages, err := p.messages(d, in.Kind, in.Body)
	if err != nil {
		return nil, err
	}
	return added(d.deliver(ctx, in.Kind, messages)...), nil
}

// skip lets time pass for one conversation, on the phone and in Redis. It changes no other conversation.
func (p *Page) skip(ctx context.Context, d *device, hours int) error {
	if hours < 1 || hours > maxHours {
		return problem{http.StatusBadRequest, "The hours are a whole number from 1 to 720."}
	}
	skipped := time.Duration(hours) * time.Hour
	// Redis comes first: if it does not answer, the phone's clock must not change.
	if err := inspect.Age(ctx, p.Pool, p.Keys, d.to, d.from, skipped); err != nil {
		return err
	}
	d.phone.Skip(skipped)
	return nil
}

// messages returns the messages that a button sends.
func (p *Page) messages(d *device, k kind, body string) ([]phone.Message, error) {
	if utf8.RuneCountInString(body) > maxText {
		return nil, problem{http.StatusBadRequest, "A message has at most 1,600 characters."}
	}
	if strings.TrimSpace(body) == "" {
		body = ""
	}
	m := phone.Message{Body: body}
	switch k {
	case kindText:
		if body == "" {
			return nil, problem{http.StatusBadRequest, "A message needs a text."}
		}
	case kindAgain:
		return d.lastMessage()
	case kindBurst:
		messages := make([]phone.Message, burstSize)
		for i := range messages {
			messages[i].Body = fmt.Sprintf("%s (%d of %d)", cmp.Or(body, "At once"), i+1, burstSize)
		}
		return messages, nil
	case kindForge:
		m = phone.Message{Body: cmp.Or(body, "Not from Twilio"), Forged: true}
	case kindStop:
		m = phone.Message{Body: "STOP"}
		if p.AdvancedOptOut {
			m.OptOutType = "STOP"
		}
	case kindMMS:
		m.Media = []phone.Media{{URL: mediaURL, ContentType: "image/jpeg"}}
	default:
		return nil, problem{http.StatusBadRequest, "There is no such kind of action."}
	}
	return []phone.Message{m}, nil
}

// deliver sends messages at once. It returns their entries in the log, in the order of the messages.
func (d *device) deliver(ctx context.Context, k kind, messages []phone.Message) []entry {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	entries := make([]entry, len(messages))
	var all sync.WaitGroup
	for i, m := range messages {
		e := entry{Kind: k, Message: &m}
		if len(m.Media) == 0 && !strings.Contains(d.from, ":") { // only SMS has segments
			segments := gsm.Split(m.Body)
			e.Segments = &segments
		}
		e = d.put(e)
		all.Go(func() {
			sent := d.phone.Send(ctx, m)
			e.Message, e.exchanges = &sent.Message, sent.Exchanges
			e.Outcome = &outcome{
				OK: sent.OK(), Took: sent.Took, Replies: sent.Replies, Findings: sent.Findings, Cookie: sent.Cookie,
			}
			entries[i] = d.put(e)
		})
	}
	all.Wait()
	return entries
}
