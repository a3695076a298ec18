package devphone

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"smsession/internal/gsm"
	"smsession/internal/inspect"
	"smsession/internal/person"
	"smsession/internal/phone"
)

const (
	// maxText is Twilio's limit for the Body of a message, in characters.
	// See https://www.twilio.com/docs/messaging/guides/webhook-request.
	maxText = 1600

	burstSize = 5   // messages
	maxHours  = 720 // that one action can skip: 30 days

	// actTimeout is shorter than the 15 s after which the service closes the connection, and longer than a message
	// waits for Redis.
	actTimeout = 14 * time.Second

	// pictureURL is a URL without a picture. The webhook gets the URL, but nothing requests it.
	pictureURL = "https://media.example.com/picture.jpg"
)

// kind is the kind of an action. Each button has its own.
type kind string

const (
	kindText  kind = "text"
	kindAgain kind = "again" // the last message, with the same MessageSid
	kindBurst kind = "burst" // several messages at the same time
	kindForge kind = "forge" // a message that is signed with a wrong token
	kindStop  kind = "stop"
	kindMMS   kind = "mms"
	kindLose  kind = "lose" // delete the cookies that Twilio would keep for the phone
	kindSkip  kind = "skip" // let some hours pass, on the phone and for its conversation in Redis
)

// act carries out the action of a button. When all messages are delivered, it returns the new entries of the phone's
// log. It adds the entry of a message to the log before the delivery, so that other windows show the message.
func (p *Page) act(ctx context.Context, d *device, in request) (any, error) {
	action, err := p.action(d, in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	var entries []entry
	for _, m := range action.Messages {
		e := entry{Kind: in.Kind, Message: &m, lastCall: p.calls.last()}
		if len(m.Media) == 0 && !strings.Contains(d.from, ":") { // only SMS has segments
			e.Segments = new(gsm.Split(m.Body))
		}
		entries = append(entries, d.put(e))
	}
	elapse := func(ctx context.Context, skipped time.Duration) error {
		return inspect.Age(ctx, p.Pool, p.Keys, d.to, d.from, skipped)
	}
	err = action.Do(ctx, d.phone, elapse, func(i int, sent *phone.Delivery) {
		e := entries[i]
		e.Message, e.exchanges = &sent.Message, sent.Exchanges
		e.Outcome = &outcome{
			OK: sent.OK(), Took: sent.Took, Replies: sent.Replies, Findings: sent.Findings, Cookie: sent.Cookie,
		}
		entries[i] = d.put(e)
	})
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		entries = append(entries, d.put(entry{Kind: in.Kind, Hours: int(action.Skip.Hours())}))
	}
	return map[string]any{"entries": entries}, nil
}

// action returns the action of a button.
func (p *Page) action(d *device, in request) (a person.Action, err error) {
	body := in.Body
	if strings.TrimSpace(body) == "" {
		body = ""
	}
	m := phone.Message{Body: body}
	switch {
	case utf8.RuneCountInString(in.Body) > maxText:
		return a, tooLong
	case in.Kind == kindText && body == "":
		return a, noText
	case in.Kind == kindSkip && (in.Hours < 1 || in.Hours > maxHours):
		return a, badHours
	}
	switch in.Kind {
	case kindLose:
		return person.Action{LoseCookies: true}, nil
	case kindSkip:
		return person.Action{Skip: time.Duration(in.Hours) * time.Hour}, nil
	case kindBurst:
		for i := range burstSize {
			text := fmt.Sprintf("%s (%d of %d)", cmp.Or(body, "At once"), i+1, burstSize)
			a.Messages = append(a.Messages, phone.Message{Body: text})
		}
		return a, nil
	case kindText:
	case kindAgain:
		m, err = d.lastMessage()
	case kindForge:
		m = phone.Message{Body: cmp.Or(body, "Not from Twilio"), Forged: true}
	case kindStop:
		m = phone.Message{Body: "STOP"}
		if p.AdvancedOptOut {
			m.OptOutType = "STOP"
		}
	case kindMMS:
		m.Media = []phone.Media{{URL: pictureURL, ContentType: "image/jpeg"}}
	default:
		return a, noSuchKind
	}
	return person.Action{Messages: []phone.Message{m}}, err
}
