package conversation_test

import (
	"slices"
	"testing"

	"smsession/internal/conversation"
)

// The texts are those of Twilio's tutorial.
func TestCounterSaysWhatTheTutorialSays(t *testing.T) {
	var (
		state conversation.State
		reply conversation.Reply
	)
	for _, want := range []string{
		"Hello, thanks for the new message.",
		"Hello, thanks for message number 2",
		"Hello, thanks for message number 3",
	} {
		state, reply = conversation.Counter{}.Respond(state, conversation.Message{Body: "anything"})
		if !slices.Equal(reply, conversation.Reply{want}) {
			t.Errorf("message %d was answered %q, want %q", state.Counter, reply, want)
		}
	}
}

func TestCounterRecallsEveryReplyFromItsNumber(t *testing.T) {
	var state conversation.State
	for range 1000 {
		var reply conversation.Reply
		state, reply = conversation.Counter{}.Respond(state, conversation.Message{})
		if again := (conversation.Counter{}).Recall(state.Counter); !slices.Equal(reply, again) {
			t.Fatalf("reply %d was %q and is recalled as %q", state.Counter, reply, again)
		}
	}
	if reply := (conversation.Counter{}).Recall(0); len(reply) != 0 {
		t.Errorf("before the first message %q was said", reply)
	}
}
