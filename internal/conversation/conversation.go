// Package conversation is the domain: what is said to a sender, given what has been said before. It knows nothing of
// HTTP, Twilio or Redis, and everything in it is pure: an answer may be thrown away and asked for again when another
// replica was faster.
package conversation

import "strconv"

// Message is one incoming message. SID is Twilio's MessageSid, which stays the same however often it is delivered.
type Message struct {
	SID  string
	From string
	To   string
	Body string
}

// State is what a conversation remembers from one message to the next. The zero State is that of a conversation that
// has not begun.
type State struct {
	// Counter is the number of messages answered since the conversation began.
	Counter int64
}

// Reply is the texts to send back, in order. An empty Reply says nothing.
type Reply []string

// Responder holds one side of a conversation. Implementations are safe for concurrent use and free of side effects.
type Responder interface {
	// Respond answers a message and returns the state that follows.
	Respond(State, Message) (State, Reply)

	// Recall makes the reply again that brought the counter to the given number. It returns nil where the number alone
	// does not tell; such replies are recorded as they are.
	Recall(counter int64) Reply
}

// Counter is the conversation of Twilio's tutorial, to the letter.
//
// See https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
type Counter struct{}

var _ Responder = Counter{}

// Respond counts the message.
func (c Counter) Respond(s State, _ Message) (State, Reply) {
	s.Counter++
	return s, c.Recall(s.Counter)
}

// Recall greets the first message and numbers the others. Nothing was said before the first.
func (Counter) Recall(counter int64) Reply {
	switch {
	case counter < 1:
		return nil
	case counter == 1:
		return Reply{"Hello, thanks for the new message."}
	default:
		return Reply{"Hello, thanks for message number " + strconv.FormatInt(counter, 10)}
	}
}
