package devphone

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

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

	// actTimeout is how long a response waits for the deliveries. It is shorter than the 15 s after which the service
	// closes the connection.
	actTimeout = 14 * time.Second

	// deliveryTimeout is longer than the time-outs of the webhook and of the fallback URL together: 15 s each.
	deliveryTimeout = time.Minute

	// pictureURL is the default of an MMS. It is a URL without a picture: the webhook gets it, but nothing requests it.
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

	// kindElsewhere is the kind of a message that no phone of the page has sent. It has no button.
	kindElsewhere kind = "elsewhere"
)

// act carries out the action of a button. It returns the new entries of the phone's log when all messages are
// delivered, but after actTimeout at the latest. The deliveries then continue: a message takes longer if an app answers
// neither for the webhook nor for the fallback URL.
func (p *Page) act(ctx context.Context, d *device, in request) (any, error) {
	action, err := p.action(d, in)
	if err != nil {
		return nil, err
	}
	if len(action.Messages) > 0 {
		return map[string]any{"entries": p.deliver(ctx, d, in.Kind, action)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	elapse := func(ctx context.Context, skipped time.Duration) error {
		return inspect.Age(ctx, p.Pool, p.Keys, d.to, d.from, skipped)
	}
	if err := action.Do(ctx, d.phone, elapse, nil); err != nil {
		return nil, err
	}
	return map[string]any{"entries": []entry{d.put(entry{Kind: in.Kind, Hours: int(action.Skip.Hours())})}}, nil
}

// deliver delivers the messages of an action. It adds the entry of a message to the log before the delivery, so that
// other windows show the message. It returns the entries after actTimeout at the latest.
func (p *Page) deliver(ctx context.Context, d *device, as kind, action person.Action) []entry {
	entries := make([]entry, len(action.Messages))
	for i, m := range action.Messages {
		m = m.WithSID()
		action.Messages[i] = m
		p.underway.add(m.SID, 1)
		entries[i] = d.put(entry{Kind: as, Message: &m, Segments: d.segments(m), lastCall: p.calls.last()})
	}
	ended := 0
	delivered := func(i int, sent *phone.Delivery) {
		e := entries[i]
		ended++
		e.Message, e.exchanges = &sent.Message, sent.Exchanges
		e.Outcome = &outcome{
			OK: sent.OK(), Took: sent.Took, Replies: sent.Replies, Findings: sent.Findings, Cookie: sent.Cookie,
			Place: ended,
		}
		e.Outcome.Replica, e.Outcome.Way = p.trace(sent.Exchanges, sent.Took)
		e.Outcome.Fault, e.Outcome.Problem = lastFault(p.calls.of(e.Message.SID, e.lastCall, math.MaxInt))
		d.put(e)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, m := range action.Messages {
				p.underway.add(m.SID, -1)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryTimeout)
		defer cancel()
		_ = action.Do(ctx, d.phone, nil, delivered) // fails only if time passes
	}()
	select {
	case <-done:
	case <-time.After(actTimeout):
	}
	return d.latest(entries)
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
	case kindMMS:
		m.Media, err = attachment(cmp.Or(in.Media, pictureURL))
	default:
		return a, noSuchKind
	}
	return person.Action{Messages: []phone.Message{m}}, err
}
