package conversation_test

import (
	"context"
	"testing"

	"smsession/internal/conversation"
)

// The texts are those of Twilio's tutorial.
func TestCounter(t *testing.T) {
	t.Run("it answers with the tutorial's texts", func(t *testing.T) {
		var state conversation.State
		for i, want := range []string{
			"Hello, thanks for the new message.",
			"Hello, thanks for message number 2",
			"Hello, thanks for message number 3",
		} {
			var reply conversation.Reply
			var err error
			state, reply, err = conversation.Counter{}.Respond(context.Background(), state,
				conversation.Message{Body: "anything"})
			if err != nil || !reply.Equal(conversation.Text(want)) || state.Counter != int64(i+1) || state.HasEnded {
				t.Errorf("got %+v, %q and %v, want %q", state, reply, err, want)
			}
		}
	})
	t.Run("it recalls each reply from its number", func(t *testing.T) {
		var state conversation.State
		for range 1000 {
			var reply conversation.Reply
			state, reply, _ = conversation.Counter{}.Respond(context.Background(), state, conversation.Message{})
			if again := (conversation.Counter{}).Recall(state.Counter); !again.Equal(reply) {
				t.Fatalf("reply %d was %q and is recalled as %q", state.Counter, reply, again)
			}
		}
		if reply := (conversation.Counter{}).Recall(0); !reply.IsEmpty() {
			t.Errorf("before the first message the reply is %q", reply)
		}
	})
}

func TestReply(t *testing.T) {
	text, twiml := conversation.Text("a"), conversation.Reply{TwiML: "<Response/>"}
	for _, row := range []struct {
		name    string
		reply   conversation.Reply
		isEmpty bool
	}{
		{"the zero reply sends nothing", conversation.Reply{}, true},
		{"a list without texts sends nothing", conversation.Reply{Texts: []string{}}, true},
		{"a text is sent", text, false},
		{"a document is sent", twiml, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.reply.IsEmpty() != row.isEmpty || row.reply.Equal(conversation.Reply{}) != row.isEmpty {
				t.Errorf("%q is empty: %t", row.reply, row.reply.IsEmpty())
			}
		})
	}
	if text.Equal(twiml) || text.Equal(conversation.Text("b")) || !text.Equal(conversation.Text("a")) {
		t.Error("replies that differ are equal")
	}
}
