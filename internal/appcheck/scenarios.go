package appcheck

import (
	"context"
	"errors"
	"strings"
	"time"

	"smsession/internal/app"
	"smsession/internal/cookies"
	"smsession/internal/duration"
	"smsession/internal/phone"
)

// scenario is something that any app must survive. Its messages have their own senders.
type scenario struct {
	name string
	play func(context.Context, *run)
}

// texts are what the senders write.
type texts struct{ hello, next, last string }

// textsOf returns the texts of a user, over and over, or our own if there are none.
func textsOf(users []string) texts {
	if len(users) == 0 {
		users = []string{"Hello", "And what is next?", "Thank you"}
	}
	return texts{users[0], users[1%len(users)], users[2%len(users)]}
}

const stopWord = "STOP" // one of Twilio's words; no other text of ours is

// scenarios returns all scenarios in their order. The first one shows whether the app answers at all.
func scenarios() []scenario {
	return []scenario{
		{"first message", firstMessage},
		{"second message", secondMessage},
		{"the same message again", resend},
		{"two at once", twoAtOnce},
		{"a picture", pictures},
		{"WhatsApp", whatsApp},
		{"emoji", emoji},
		{"1,600 characters", longText},
		{stopWord, stop},
		{"a lost cookie", lostCookie},
		{"a foreign cookie", foreignCookie},
		{"a slow network", slowly},
		{"called again after a crash", calledAgain},
	}
}

func firstMessage(ctx context.Context, r *run) {
	m := r.sender("").say(ctx, r.hello)
	if m.wasAnswered() && len(m.Replies) == 0 && !hasError(m.Findings) {
		m.Findings.Warn(0, "The app sends no reply to a first message. That is right only if it never replies at once.")
	}
}

func secondMessage(ctx context.Context, r *run) {
	s := r.sender("")
	s.say(ctx, r.hello)
	s.say(ctx, r.next)
}

// resend delivers a message again to the other replica, as Twilio does after a lost reply.
func resend(ctx context.Context, r *run) {
	s := r.sender("")
	first := s.say(ctx, r.hello)
	again := s.send(ctx, "sent again", first.delivery.Message)
	again.checkRepeat(first)
}

// checkRepeat checks that the message, which repeats another one, got the same reply, without a call of the app.
func (m *Message) checkRepeat(first *Message) {
	switch {
	case !first.wasAnswered():
	case len(m.calls) > 0:
		m.Findings.Fail(0, "The app was called again for a message that it had answered.")
	case m.document() != first.document():
		m.Findings.Fail(0, "The reply differs from the first one.")
	}
}

// twoAtOnce begins a conversation with two messages at once. The third shows which state the two have left.
func twoAtOnce(ctx context.Context, r *run) {
	s := r.sender("")
	s.sendAll(ctx, "sent at once, to two replicas", replicaA, phone.Message{Body: r.hello}, phone.Message{Body: r.next})
	s.say(ctx, r.last)
}

// pictures sends a picture with a text, and another one without a text, whose Body is empty.
func pictures(ctx context.Context, r *run) {
	s := r.sender("")
	// The picture of Twilio's documentation. This program does not request it.
	media := []phone.Media{{URL: "https://demo.twilio.com/owl.png", ContentType: "image/png"}}
	s.send(ctx, "with a picture", phone.Message{Body: "Look at this", Media: media})
	s.send(ctx, "a picture without a text", phone.Message{Media: media})
}

func whatsApp(ctx context.Context, r *run) {
	s := r.sender("whatsapp:")
	s.say(ctx, r.hello)
	s.say(ctx, r.next)
}

func emoji(ctx context.Context, r *run) {
	r.sender("").say(ctx, "👩🏽‍💻 ¿Qué tal? “日本語” & <b> 100 %\nline 2")
}

func longText(ctx context.Context, r *run) {
	const sentence = "This text has 1,600 characters, the most that Twilio delivers. "
	r.sender("").say(ctx, strings.Repeat(sentence, 1+1600/len(sentence))[:1600])
}

// stop opts out, and then writes again. Nothing may be sent to a person who has opted out.
func stop(ctx context.Context, r *run) {
	s := r.sender("")
	s.say(ctx, r.hello)
	m := s.say(ctx, stopWord)
	switch {
	case len(m.Replies) > 0:
		m.Findings.Fail(21610, "A person who has opted out gets a reply.")
	case len(m.calls) == 0 && !hasError(m.Findings):
		m.Findings.Fail(0, "The app was not called, so it could not unsubscribe the person.")
	}
	s.say(ctx, r.hello) // begins a new session
}

func lostCookie(ctx context.Context, r *run) {
	s := r.sender("")
	s.say(ctx, r.hello)
	s.cookies = nil
	s.send(ctx, "without the cookie of the conversation", phone.Message{Body: r.next})
}

// foreignCookie begins a conversation with the cookies of another one, and with the app's own cookies with other
// values. The state of the new conversation must be empty, and that of the other one must not change.
func foreignCookie(ctx context.Context, r *run) {
	owner, stranger := r.sender(""), r.sender("")
	first := owner.say(ctx, r.hello)
	stranger.cookies = owner.cookies
	for _, c := range first.Calls {
		for _, own := range c.Cookies {
			stranger.cookies = append(stranger.cookies[:len(stranger.cookies):len(stranger.cookies)],
				cookies.Cookie{Name: own.Name, Value: "foreign"})
		}
	}
	stranger.send(ctx, "another sender, with these cookies", phone.Message{Body: r.hello})
	owner.send(ctx, "the first sender", phone.Message{Body: r.next})
}

// slowly finds out how slow the network to the app may be. It begins with the slowest one, and tries two faster ones if
// that is too slow.
func slowly(ctx context.Context, r *run) {
	s, timeout := r.sender(""), r.fleet.judge.app.Timeout
	var tooSlow []*Message
	for delay := r.fleet.slowest; delay >= r.fleet.slowest/4; delay /= 2 {
		r.fleet.slow.delay.Store(int64(delay))
		m := s.sendAll(ctx, "the network needs "+duration.Format(delay), slowReplica, phone.Message{Body: r.hello})[0]
		switch {
		case m.wasAnswered():
			tolerate(tooSlow, timeout, delay)
			return
		case ctx.Err() != nil || len(m.calls) == 0 || !errors.Is(m.calls[0].Err, app.Timeout):
			return
		}
		tooSlow = append(tooSlow, m)
	}
}

// tolerate replaces the errors of messages that came over a network that was too slow by one warning, because a message
// was answered over a network with a shorter delay.
func tolerate(tooSlow []*Message, timeout, delay time.Duration) {
	for i, m := range tooSlow {
		m.Findings = nil
		if i == len(tooSlow)-1 {
			m.Findings.Warn(11205, "This network is too slow: the app itself needs too much of the time-out of %s. "+
				"A network that needs %s is not too slow.", duration.Format(timeout), duration.Format(delay))
		}
	}
}
