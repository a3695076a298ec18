package session

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/gomodule/redigo/redis"
)

// forgetful is a connection to a Cluster. It executes every command, and loses the replies of the node that has the
// pointer.
type forgetful struct {
	canned
	model   *model
	replies []answered
}

func (f *forgetful) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	reply, err := f.model.do(command, copied(args))
	if command == "GETEX" || args[0] == scripts.pointer.Hash() {
		return nil, errCut
	}
	return reply, err
}

func (f *forgetful) Send(command string, args ...any) error {
	reply, err := f.Do(command, args...)
	f.replies = append(f.replies, answered{reply, err})
	return nil
}

func (f *forgetful) Receive() (any, error) {
	next := f.replies[0]
	f.replies = f.replies[1:]
	return next.reply, next.err
}

// Another replica may already have answered a repeat from the record.
func TestSweepAfterThePointerWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := newModel()
		m := newManager(&redis.Pool{Dial: func() (redis.Conn, error) { return &forgetful{model: held}, nil }}, 8)
		got := serve(m, incoming("SMa", false), "")
		m.background.Wait()
		if got.code != http.StatusServiceUnavailable {
			t.Fatalf("got %d, want 503", got.code)
		}
		token, found := held.keys[m.keys.Conversation(to, from)]
		if _, exists := held.keys[m.keys.Session(token)]; !found || !exists {
			t.Errorf("the pointer %q was set: %t; its record exists: %t", token, found, exists)
		}
	})
}
