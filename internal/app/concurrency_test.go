package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/webhooktest"
)

// busyKit returns a kit with one slot, and a call that occupies it until release is closed.
func busyKit(t *testing.T, timeout time.Duration) (k *kit, s *server, release chan struct{}, first chan error) {
	t.Helper()
	entered, release, first := make(chan struct{}, 10), make(chan struct{}), make(chan error, 1)
	s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-release
		answers(204, "", "")(w, r)
	})
	k = newKit(t, s.URL+"/sms", func(o *app.Options) { o.Concurrency, o.Timeout = 1, timeout })
	go func() {
		_, _, err := k.Respond(context.Background(), conversation.State{}, newMessage("first"))
		first <- err
	}()
	webhooktest.Receive(t, "the first call", entered)
	return k, s, release, first
}

func TestConcurrency(t *testing.T) {
	t.Run("a message waits for a slot", func(t *testing.T) {
		k, s, release, first := busyKit(t, time.Minute)
		second := make(chan error, 1)
		go func() {
			_, _, err := k.Respond(t.Context(), conversation.State{}, newMessage("second"))
			second <- err
		}()
		if n := k.series(t)["smsession_app_in_flight"]; n != 1 || len(s.received()) != 1 {
			t.Errorf("%v calls are in flight", n)
		}
		close(release)
		if err := webhooktest.Receive(t, "the first answer", first); err != nil {
			t.Error(err)
		}
		if err := webhooktest.Receive(t, "the second answer", second); err != nil {
			t.Error(err)
		}
	})
	t.Run("a message whose time runs out while it waits is not sent", func(t *testing.T) {
		k, s, release, first := busyKit(t, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second+50*time.Millisecond)
		defer cancel()
		state := conversation.State{Counter: 7}
		after, reply, err := k.Respond(ctx, state, newMessage("second"))
		if err != conversation.ErrWaited || after.Counter != 7 || !reply.IsEmpty() || len(s.received()) != 1 {
			t.Errorf("Respond returns %+v, %+v, %v", after, reply, err)
		}
		if call := k.last(); call.Err != conversation.ErrWaited || call.Exchanges != nil {
			t.Errorf("the call is %+v", call)
		}
		close(release)
		webhooktest.Receive(t, "the first answer", first)
	})
	for _, row := range []struct {
		name string
		left time.Duration
		want error
	}{
		{"no call begins with less than a quarter of the time-out left", 15 * time.Second, conversation.ErrWaited},
		{"a call begins with more than a quarter left", 45 * time.Second, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(204, "", ""))
			k := newKit(t, s.URL+"/sms", func(o *app.Options) { o.Timeout = time.Minute })
			ctx, cancel := context.WithTimeout(t.Context(), row.left)
			defer cancel()
			if _, _, err := k.Respond(ctx, conversation.State{}, newMessage("hello")); err != row.want {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// A call on a busy machine may find that the connection was idle for too long.
func TestKeepAlive(t *testing.T) {
	client, inRow := "", 0
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.RemoteAddr != client {
			client, inRow = r.RemoteAddr, 0
		}
		inRow++
		answers(200, "text/plain", "Hello")(w, r)
	})
	k := newKit(t, s.URL+"/sms", nil)
	webhooktest.Wait(t, "5 calls in a row on one connection", func() bool {
		k.respond(t, conversation.State{}, newMessage("hello"))
		return inRow == 5
	})
}

// By default, net/http keeps two connections to a host.
func TestConcurrentKeepAlive(t *testing.T) {
	const calls, rounds = 4, 5
	var mu sync.Mutex
	clients := map[string]bool{}
	arrived := sync.WaitGroup{} // of the calls of one round, so that none takes the connection of another one
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		clients[r.RemoteAddr] = true
		mu.Unlock()
		arrived.Done()
		arrived.Wait()
		answers(204, "", "")(w, r)
	})
	k := newKit(t, s.URL+"/sms", func(o *app.Options) { o.Concurrency = calls })
	for range rounds {
		arrived.Add(calls)
		var answered sync.WaitGroup
		for range calls {
			answered.Go(func() {
				if _, _, err := k.Respond(t.Context(), conversation.State{}, newMessage("hello")); err != nil {
					t.Error(err)
				}
			})
		}
		answered.Wait()
	}
	if len(clients) >= 2*calls { // a round on a busy machine may find that its connections were idle for too long
		t.Errorf("%d rounds of %d calls used %d connections", rounds, calls, len(clients))
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	closed := make(chan error, 1)
	address := rawServer(t, func(c net.Conn, _ int) {
		if hello(c) {
			_, err := io.Copy(io.Discard, c)
			closed <- err
		}
	})
	newKit(t, "http://"+address+"/sms", nil).respond(t, conversation.State{}, newMessage("hello"))
	if err := webhooktest.Receive(t, "the end of the connection", closed); err != nil {
		t.Error(err)
	}
}
