package load

import (
	"context"
	"time"

	"smsession/internal/phone"
)

// Options are what to send. Their values must be within the bounds that stand beside them; Run does not check them.
type Options struct {
	Conversations int           // under way at a time, at least 1
	InFlight      int           // deliveries under way at a time, at least Burst
	Duration      time.Duration // no message is begun after it; 0 for no such bound
	Messages      int           // no more messages than these, repeats not counted; 0 for no such bound
	Rate          float64       // messages a second, whether they are answered or not; 0 for as many as are answered

	Burst       int     // so many messages of a conversation at once, 1 to MaxBurst; 1 for never more than one
	FirstRace   float64 // the share of conversations, 0 to 1, that begin with a burst
	Resend      float64 // the share of messages, 0 to 1, that are delivered again
	LoseCookies float64 // the share of deliveries, 0 to 1, that go without the cookies

	Expect   Expectation
	Phone    func(from string) (Sender, error) // makes the phone of a number
	Progress func(Progress)                    // is called every second, never by two goroutines at once; may be nil
}

// Sender is a phone. It is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
}

// Expectation says what the replies are held to.
type Expectation string

const (
	// ExpectCounter is Twilio's tutorial: every message brings its conversation's count one further, and the reply says it.
	ExpectCounter Expectation = "counter"
	// ExpectNone is any other conversation: nothing is proved.
	ExpectNone Expectation = "none"
)

// A server need know a message again only while fewer than 64 later ones of its conversation have been counted. The
// bounds below see to it that no delivery of ours asks for more, however late a request takes effect that got no answer.
// Be e the turn of the first error. No conversation has more than MaxBurst messages in e, afterError-1 begun after it, and
// MaxBurst in the turn that goes over that: 47. A message from before e is not repeated after resendWithin later ones, so
// no more than 55 come after it.
const (
	// MaxBurst is the most messages of a conversation at once.
	MaxBurst = 20
	// resendWithin is how many of the latest messages are delivered again.
	resendWithin = 8
	// afterError is how many messages a conversation goes on after an error; then another one takes its place.
	afterError = 8
)

const (
	// longest is how many messages a conversation has before another one takes its place. It bounds the memory.
	longest = 1000
	// burstEvery is how many turns of a conversation there are to a burst.
	burstEvery = 10
)
