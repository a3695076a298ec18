package systemtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const (
	floodMemory  = 200 << 10 // KB that a replica may use; deploy/kubernetes and deploy/systemd allow 256 MB
	floodLatency = time.Second

	floodConnections    = 1000
	overloadConnections = 4500            // more than the messages that may wait
	floodTime           = 2 * time.Second // how long the flood lasts before the signed messages, at least
	floodMessages       = 25              // signed messages that are sent during the flood
)

// TestMemoryIsBounded floods a replica with the requests that strangers can send, and overloads it while Redis hangs.
// The replica runs without the race detector, which needs several times the memory. The test checks the memory. It only
// logs the latency, because the clients of the flood use the same processors.
func TestMemoryIsBounded(t *testing.T) {
	full := strings.Repeat("a&", 32<<10)
	for _, row := range []struct {
		name string
		send func(c net.Conn, stop <-chan struct{}) error // makes one round; the connection repeats it
	}{
		{"unsigned bodies of ampersands", request(head(len(full)) + full)},
		{"unsigned bodies of escapes", request(head(63<<10) + strings.Repeat("%41", 21<<10))},
		{"bodies that stop before their end", trickle(head(len(full)) + full[1<<10:])},
		{"bodies of one byte a second", trickle(head(len(full)))},
		{"endless heads of many short lines", trickle("POST /sms HTTP/1.1\r\n" + shortLines(19<<10))},
		{"chunks of one byte", trickle(strings.Replace(head(0), "Content-Length: 0", "Transfer-Encoding: chunked", 1) +
			strings.Repeat("1\r\na\r\n", 10<<10))},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			r := startShipped(t, server.URL(), memoryLimit())
			f := startFlood(r, floodConnections, row.send)
			took := sendMeanwhile(t, r, f)
			f.end()
			reportFlood(t, r, f, took)
		})
	}
	t.Run("signed messages while Redis hangs", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{})
		r := startShipped(t, server.URL(), memoryLimit())
		server.Pause()
		f := startFlood(r, overloadConnections, resend(t))
		// Then the messages that were accepted first have waited for their whole budget, and all others have been
		// refused.
		webhooktest.Wait(t, "the end of the budget", func() bool { return r.answered("unavailable") > 0 })
		f.end()
		server.Resume()
		reportFlood(t, r, f, sendSigned(t, r, 1))
	})
}

// memoryLimit is the setting that the replica makes for itself in a container with floodMemory: 80 %. Without it, the
// collector can be late on a busy machine.
func memoryLimit() string { return fmt.Sprintf("GOMEMLIMIT=%dKiB", floodMemory*8/10) }

// startShipped is startReplica for the program without the race detector.
func startShipped(tb testing.TB, redisURL string, more ...string) *replica {
	tb.Helper()
	return startReplicaOf(tb, shippedProgram, redisURL, more...)
}

// head returns the head of an unsigned request.
func head(length int) string {
	return fmt.Sprintf("POST /sms HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\n\r\n", length)
}

// shortLines returns header lines that are as short as possible.
func shortLines(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%x:\r\n", i)
	}
	return b.String()
}

// request returns a function that sends a whole request and reads the answer.
func request(text string) func(net.Conn, <-chan struct{}) error {
	return func(c net.Conn, _ <-chan struct{}) error {
		_, err := roundTrip(c, text)
		return err
	}
}

func roundTrip(c net.Conn, text string) (status int, err error) {
	if _, err := io.WriteString(c, text); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// trickle returns a function that sends the beginning of a request and then one byte a second.
func trickle(begin string) func(net.Conn, <-chan struct{}) error {
	return func(c net.Conn, stop <-chan struct{}) error {
		if _, err := io.WriteString(c, begin); err != nil {
			return err
		}
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			if _, err := io.WriteString(c, "0"); err != nil {
				return err
			}
			select {
			case <-second.C:
			case <-stop:
				return nil
			}
		}
	}
}

// resend returns a function that sends a signed message of a new conversation, and sends it again 20 ms after a
// refusal.
func resend(tb testing.TB) func(net.Conn, <-chan struct{}) error {
	s := newSender(tb)
	return func(c net.Conn, stop <-chan struct{}) error { return resendMessage(s.another(), c, stop) }
}

func resendMessage(s *sender, c net.Conn, stop <-chan struct{}) error {
	form := s.Form(webhooktest.NewSID(), "hello")
	body := form.Encode()
	text := strings.Replace(head(len(body)), "\r\n\r\n",
		"\r\nX-Twilio-Signature: "+webhooktest.Sign(webhooktest.AuthToken, webhooktest.PublicURL+"/sms", form)+"\r\n\r\n", 1) + body
	for {
		if status, err := roundTrip(c, text); err != nil || status == http.StatusOK {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-stop:
			return nil
		}
	}
}

// flood is a number of connections that do the same thing until the flood ends. A closed connection is replaced.
type flood struct {
	stop  chan struct{}
	once  sync.Once
	group sync.WaitGroup
	sent  atomic.Int64 // rounds that were completed
	cut   atomic.Int64 // connections that were closed
	conns []atomic.Pointer[net.TCPConn]
}

func startFlood(r *replica, connections int, send func(net.Conn, <-chan struct{}) error) *flood {
	f := &flood{stop: make(chan struct{}), conns: make([]atomic.Pointer[net.TCPConn], connections)}
	for i := range connections {
		f.group.Go(func() { f.run(&f.conns[i], strings.TrimPrefix(r.url, "http://"), send) })
	}
	r.tb.Cleanup(f.end)
	return f
}

func (f *flood) run(held *atomic.Pointer[net.TCPConn], addr string, send func(net.Conn, <-chan struct{}) error) {
	for !f.stopped() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		held.Store(c.(*net.TCPConn))
		for err == nil && !f.stopped() {
			err = send(c, f.stop)
			f.sent.Add(1)
		}
		c.Close()
		f.cut.Add(1)
	}
}

func (f *flood) stopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

// end ends the flood and closes its connections, even those that wait.
func (f *flood) end() {
	f.once.Do(func() { close(f.stop) })
	for i := range f.conns {
		if c := f.conns[i].Load(); c != nil {
			c.Close()
		}
	}
	f.group.Wait()
}

// sendMeanwhile sends signed messages during the flood, and returns how long each took.
func sendMeanwhile(t *testing.T, r *replica, f *flood) []time.Duration {
	t.Helper()
	for i := range f.conns {
		webhooktest.Wait(t, "the flood's connections", func() bool { return f.conns[i].Load() != nil })
	}
	time.Sleep(floodTime) // a stimulus
	return sendSigned(t, r, floodMessages)
}

// sendSigned sends the messages of a conversation. It sends a refused message again, as Twilio does.
func sendSigned(t *testing.T, r *replica, messages int) (took []time.Duration) {
	t.Helper()
	s := newSender(t)
	var cookie string
	for n := 1; n <= messages; n++ {
		begun, sid := time.Now(), webhooktest.NewSID()
		got := s.deliver(r.url, "/sms", sid, cookie)
		for got.Status != http.StatusOK && t.Context().Err() == nil {
			got = s.deliver(r.url, "/sms", sid, cookie)
		}
		took = append(took, time.Since(begun))
		if got.Text() != webhooktest.Greeting(n) {
			t.Fatalf("message %d got %q", n, got.Text())
		}
		cookie = got.Cookie
	}
	return took
}

func reportFlood(t *testing.T, r *replica, f *flood, took []time.Duration) {
	t.Helper()
	peak := peakResident(r)
	slices.Sort(took)
	t.Logf("memory: %d MB at most, limit %d MB; signed messages: median %v, slowest %v, limit %v; %d rounds, %d connections closed",
		peak>>10, floodMemory>>10,
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), floodLatency,
		f.sent.Load(), f.cut.Load())
	if peak > floodMemory {
		t.Errorf("the replica used %d KB, want at most %d", peak, floodMemory)
	}
}
