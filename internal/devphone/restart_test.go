package devphone_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// restarted stops the service while the page is open, and starts another one at its address.
func restarted(t *testing.T, browser context.Context) {
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", redistest.ReservePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	s := listening(t, listener, embedded.Addr())
	w := newTab(t, browser, s.url)
	w.keys("Hello\r")
	w.count(".in", 1)
	w.keys("Half a")
	s.close()
	w.until(`document.querySelector('#problem').textContent === 'The service does not answer.'`)
	w.untilReloaded(func() {
		listener, err = net.Listen("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(listening(t, listener, embedded.Addr()).close)
	})
	if shown := value[bool](w, `!document.querySelector('#problem').hidden`); shown || len(w.texts(".in")) > 0 {
		t.Errorf("the new page has the messages %q, and shows a problem: %t", w.texts(".in"), shown)
	}
	w.until(`!document.querySelector('#restarted').hidden`)
	if got := w.texts("#restarted p")[0]; !strings.Contains(got, "has forgotten 1\u00a0message of this page") {
		t.Errorf("the page says %q", got)
	}
	if got := value[string](w, `document.querySelector('textarea').value`); got != "Half a" {
		t.Errorf("the text that was being typed is %q", got)
	}
	w.press("#restarted button")
	w.until(`document.querySelector('#restarted').hidden`)
	w.press(".phone textarea")
	for range "Half a" {
		w.keys(kb.Backspace)
	}
	w.keys("Still there?\r")
	w.count(".in", 1)
	if got := w.texts(".in")[0]; got != "Reply: "+webhooktest.Greeting(2) {
		t.Errorf("the reply is %q, but Redis has kept the conversation", got)
	}
}
