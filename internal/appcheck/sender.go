package appcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"smsession/internal/app"
	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// ours is the number that the messages are sent to: Twilio's number for tests.
const ours = "+15005550006"

// run is one scenario while it is played. Its senders are its own.
type run struct {
	texts
	fleet    *fleet
	messages []*Message // in the order in which they were sent
	safe     Safe       // "" unless the scenario finds it out
}

// sender returns a person with a number that nobody owns (the country code 999 is not assigned), for a channel such as
// whatsapp:, or "" for SMS.
func (r *run) sender(channel string) *sender {
	from := fmt.Sprintf("%s+999%012d", channel, rand.Uint64N(1_000_000_000_000))
	s := &sender{run: r}
	s.from, s.to = phone.Pair(from, ours)
	return s
}

// sender is a person in a scenario, and what is known about the person's conversation. Consecutive messages are sent to
// different replicas, with the same cookies. A sender is not safe for concurrent use.
type sender struct {
	run      *run
	from, to string
	cookies  []cookies.Cookie
	sent     int             // how many messages
	called   int             // how many calls of the app are known
	state    json.RawMessage // what the app gave back last
}

// say sends a text to the next replica, and checks the result.
func (s *sender) say(ctx context.Context, text string) *Message {
	return s.send(ctx, "", phone.Message{Body: text})
}

// send sends a message to the next replica, and checks the result. The remark says what is special about the message.
func (s *sender) send(ctx context.Context, remark string, m phone.Message) *Message {
	return s.sendAll(ctx, remark, s.sent%2, m)[0]
}

// sendAll sends messages at the same time, each to another replica, and checks the results.
func (s *sender) sendAll(ctx context.Context, remark string, at int, all ...phone.Message) []*Message {
	sent := make([]*Message, len(all))
	var done sync.WaitGroup
	for i, m := range all {
		sent[i] = &Message{Remark: remark, from: s.from, to: s.to}
		o := s.run.fleet.phone((at+i)%replicas, s.from, s.to)
		o.Cookies = s.cookies
		p, err := phone.New(o)
		if err != nil {
			panic(err) // all options are made by this package
		}
		done.Go(func() {
			sent[i].delivery = p.Send(ctx, m)
			if i == len(all)-1 {
				s.cookies = p.Cookies()
			}
		})
	}
	done.Wait()
	s.sent += len(all)
	s.run.messages = append(s.run.messages, sent...)
	calls := s.run.fleet.callsOf(s.from, s.called)
	s.called += len(calls)
	for _, m := range sent {
		isOther := func(c app.Call) bool { return c.SID != m.delivery.Message.SID }
		m.take(slices.DeleteFunc(slices.Clone(calls), isOther), s.run.fleet.judge)
	}
	s.follow(calls, sent)
	return sent
}

// follow checks that each call of the app got the state that the call before it gave back. There is no state after the
// end of a conversation.
func (s *sender) follow(calls []app.Call, sent []*Message) {
	for _, c := range calls {
		i := slices.IndexFunc(sent, func(m *Message) bool { return m.delivery.Message.SID == c.SID })
		if i >= 0 && !sameState(c.Before, s.state) {
			sent[i].Findings.Fail(0, "The app did not get the state that its answer before this one gave back.")
		}
		switch isStop := i >= 0 && sent[i].Body == stopWord; {
		case c.HasEnded || isStop: // STOP ends the session even if the app fails
			s.state = nil
		case c.Err == nil:
			s.state = c.After
		}
	}
}

// sameState reports whether two states of an app are the same JSON. An empty state may be written in several ways.
func sameState(a, b json.RawMessage) bool {
	compact := func(text json.RawMessage) string {
		var b bytes.Buffer
		if json.Compact(&b, text) != nil {
			return string(text)
		}
		return b.String()
	}
	return isEmptyState(a) && isEmptyState(b) || compact(a) == compact(b)
}

// isEmptyState reports whether a state has neither cookies nor data.
func isEmptyState(state json.RawMessage) bool {
	cookies, data := parseState(state)
	return len(cookies) == 0 && (len(data) == 0 || string(data) == "{}")
}

// checkpoint is a conversation at a point to which it can return.
type checkpoint struct {
	sender sender
	keys   keys
}

func (s *sender) checkpoint() checkpoint { return checkpoint{*s, s.run.fleet.keys()} }

// rewind returns to a checkpoint, as if the replica had died each time before it saved what came later. The calls that
// the app has got stay.
func (s *sender) rewind(to checkpoint) {
	s.run.fleet.rewind(to.keys)
	s.cookies, s.state = to.sender.cookies, to.sender.state
}
