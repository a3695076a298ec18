package devphone_test

import (
	"context"
	"net"
	"testing"

	"smsession/internal/redispool"
)

// restarted ends the service under an open page, and starts another one in its place.
func restarted(t *testing.T, browser context.Context) {
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := listening(t, listener, embedded.Addr())
	w := newTab(t, browser, s.url)
	w.keys("Hello\r")
	w.count(".in", 1)
	s.close()
	w.until(`document.querySelector('#fault').textContent === 'The service does not answer.'`)
	listener, err = net.Listen("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(listening(t, listener, embedded.Addr()).close)
	w.count(".in", 0)
	w.until(`document.body.dataset.ready === 'true' && document.querySelector('#fault').hidden`)
	w.keys("Still there?\r")
	w.count(".in", 1)
	if got := w.texts(".in")[0]; got != "Reply: "+tutorial(2) {
		t.Errorf("the conversation, which Redis has kept, goes on with %q", got)
	}
}
