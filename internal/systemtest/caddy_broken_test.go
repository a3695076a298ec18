package systemtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// ending is the action of a client after it has sent its bytes.
type ending int

const (
	waits      ending = iota // it reads the answer
	halfCloses               // it closes its half of the connection and reads the answer
	closes                   // it closes the connection
	resets                   // it resets the connection
)

// broken is a faulty request. Its first bytes are always "POST route HTTP/1.1" and the host.
type broken struct {
	name, rest string
	ending     ending
}

const brokenHead = "Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: " + strangersSignature +
	"\r\n"

// strangersSignature is the signature of the broken requests. No log may contain it.
const strangersSignature = "c3RyYW5nZXIncyBzaWduYXR1cmU="

// brokenRequests are requests that a proxy could count as failures of its replicas. None of them may get 200.
var brokenRequests = []broken{
	{"a chunk without a size", brokenHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", waits},
	{"a chunk without a size; the client closes its half", brokenHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", halfCloses},
	{"a chunked body without its end; the client closes its half", brokenHead + "Transfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n", halfCloses},
	{"a chunked body without its end; the client closes the connection", brokenHead + "Transfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n", closes},
	{"a body that ends early; the client closes its half", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", halfCloses},
	{"a body that ends early; the client closes the connection", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", closes},
	{"a body that ends in a reset", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", resets},
	{"a missing body", brokenHead + "Content-Length: 100\r\n\r\n", halfCloses},
	{"a missing body after Expect: 100-continue", brokenHead + "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", halfCloses},
	{"an unsigned message; the client closes its half", brokenHead + "Content-Length: 5\r\n\r\nBody=", halfCloses},
	{"an unsigned message; the client closes the connection", brokenHead + "Content-Length: 5\r\n\r\nBody=", closes},
	{"a body that is too large", brokenHead + "Content-Length: 100000\r\n\r\n" + strings.Repeat("a", 100000), waits},
	{"a chunked body that is too large", brokenHead + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat("a", 100000) + "\r\n0\r\n\r\n", waits},
	{"two lengths", brokenHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nBody=", waits},
	{"a length and chunks", brokenHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", waits},
	{"a header without a name", ": nothing\r\n\r\n", waits},
	{"a header that is too large", "X-Large: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", waits},
}

// send sends the request to a route and returns the status of the answer. It returns 0 if there is no answer.
func (b broken) send(t *testing.T, c *caddy, route string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.plain, "http://"))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	// An error here means that the server has answered and closed the connection before it had read everything.
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s", route, b.rest)
	switch b.ending {
	case halfCloses:
		_ = conn.(*net.TCPConn).CloseWrite()
	case resets:
		_ = conn.(*net.TCPConn).SetLinger(0)
		return 0
	case closes:
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// sendBroken lets ten clients send every broken request to both routes. It returns the number of requests.
func sendBroken(t *testing.T, c *caddy) (sent int) {
	const clients = 10
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for _, b := range brokenRequests {
				b.send(t, c, "/sms")
				b.send(t, c, "/sms/fallback")
			}
		})
	}
	group.Wait()
	return clients * 2 * len(brokenRequests)
}

// lostBesideBroken sends signed messages to both routes while strangers send broken requests. It returns how many of
// the signed messages were lost.
func lostBesideBroken(t *testing.T, edit func(string) string) (lost, messages int) {
	t.Helper()
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http", edit: edit})
	var turn atomic.Int64
	l := startTraffic(t, func(s *sender, sid, cookie string) reply {
		route := "/sms"
		if turn.Add(1)%2 == 0 {
			route = "/sms/fallback"
		}
		return s.deliver(c.plain, route, sid, cookie)
	})
	sent := sendBroken(t, c)
	l.waitForReplies()
	messages, _ = l.finish()
	lost = l.failures()
	t.Logf("%d of %d signed messages were lost during %d broken requests", lost, messages, sent)
	return lost, messages
}

func TestBrokenRequestsCostNoMessage(t *testing.T) {
	if lost, messages := lostBesideBroken(t, nil); lost > 0 {
		t.Errorf("%d of %d signed messages were lost", lost, messages)
	}
}

// TestBrokenRequestsAndPassiveChecks is the negative control: Caddy counts failed requests, and forwards a body while
// it reads it.
func TestBrokenRequestsAndPassiveChecks(t *testing.T) {
	lost, _ := lostBesideBroken(t, func(file string) string {
		file = withoutLines(file, "vars whole_body", "lb_try_")
		return strings.Replace(file, "lb_policy header Cookie\n",
			"lb_policy header Cookie\nmax_fails 1\nfail_duration 2s\n", 1)
	})
	if lost == 0 {
		t.Error("no message was lost: the test would not notice the broken requests")
	}
}

func TestBrokenRequestsGetNo200(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http"})
	for _, b := range brokenRequests {
		for _, route := range []string{"/sms", "/sms/fallback"} {
			t.Run(b.name+" at "+route, func(t *testing.T) {
				status := b.send(t, c, route)
				if status == http.StatusOK {
					t.Error("the answer is 200")
				}
				if b.ending == waits && status == 0 {
					t.Error("there is no answer")
				}
				if strings.Contains(b.name, "too large") && status != http.StatusRequestEntityTooLarge &&
					status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("the answer is %d", status)
				}
			})
		}
	}
	if keys := f.keys("*"); len(keys) != 0 {
		t.Errorf("the broken requests left the keys %q", keys)
	}
}

// TestCaddyLogsNoSignature kills every replica, so that Caddy logs each request as an error.
func TestCaddyLogsNoSignature(t *testing.T) {
	t.Parallel()
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	for _, row := range []struct {
		name   string
		edit   func(string) string
		logged bool
	}{
		{"the Caddyfile logs no signature", nil, false},
		{"negative control: without the filter, the signature is logged", func(file string) string {
			return withoutLines(file, "request>headers>X-Twilio-Signature")
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := startCaddy(t, f, caddyOptions{site: "http", edit: row.edit})
			for _, r := range f.replicas {
				r.kill()
			}
			b := broken{"a message that no replica gets", brokenHead + "Content-Length: 5\r\n\r\nBody=", waits}
			b.send(t, c, "/sms")
			b.send(t, c, "/sms/fallback")
			webhooktest.Wait(t, "the message in Caddy's log", func() bool {
				return strings.Contains(c.log.String(), `"uri":"/sms/fallback"`)
			})
			if strings.Contains(c.log.String(), strangersSignature) != row.logged {
				t.Errorf("the log has the signature: %t\n%s", !row.logged, c.log.last(2<<10))
			}
		})
	}
}
