// Package benchtest measures servers under load: a crowd that writes to them, what they and their Redis use for it, and
// tables of medians. Only tests import it.
package benchtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"smsession/internal/webhooktest"
)

// Conversation is a conversation that a crowd continues.
type Conversation struct {
	From, Cookie string // the cookie is "" until a reply sets one
}

// Crowd writes to servers over raw connections. It signs its messages before it is measured, so that it uses little CPU
// time meanwhile.
type Crowd struct {
	tb      testing.TB
	writers []*writer
}

// writer sends one message at a time. It has a connection to each server.
type writer struct {
	index         int
	sender        *webhooktest.Sender
	conns         []net.Conn
	replies       []*bufio.Reader
	hasAffinity   bool
	conversations []*Conversation
	next          int      // index of the conversation that goes on
	requests      [][]byte // signed
	took          []time.Duration
}

// NewCrowd returns a crowd with connections to each of the servers, which are host:port. It has inFlight messages in
// progress at a time. With affinity, a conversation always writes to the same server. Without it, each message goes to
// a random one. The connections are closed when the test ends.
func NewCrowd(tb testing.TB, servers []string, inFlight int, affinity bool, all []Conversation) *Crowd {
	tb.Helper()
	c := &Crowd{tb: tb}
	sender := webhooktest.NewSender(tb)
	for i := range inFlight {
		w := &writer{index: i, sender: sender, hasAffinity: affinity}
		for j := i; j < len(all); j += inFlight {
			w.conversations = append(w.conversations, &all[j])
		}
		for _, server := range servers {
			w.connect(tb, server)
		}
		c.writers = append(c.writers, w)
	}
	return c
}

func (w *writer) connect(tb testing.TB, server string) {
	tb.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	w.conns, w.replies = append(w.conns, conn), append(w.replies, bufio.NewReader(conn))
}

// Prepare signs the next messages of each connection. Their number is a multiple of inFlight.
func (c *Crowd) Prepare(messages int) {
	var group sync.WaitGroup
	for _, w := range c.writers {
		group.Go(func() {
			for i := range messages / len(c.writers) {
				w.requests = append(w.requests, w.request(w.conversation(i)))
			}
			w.took = make([]time.Duration, len(w.requests))
		})
	}
	group.Wait()
	runtime.GC()
}

// Closed sends all prepared messages: over each connection, one after the other. It returns the time from each message
// to its reply. It ends the test if a status is not 200.
func (c *Crowd) Closed() []time.Duration {
	c.tb.Helper()
	return c.send(func(*writer, int) time.Time { return time.Now() })
}

// Open sends all prepared messages at a fixed rate a second, whether or not the earlier ones have been answered. The
// times begin when a message was due: if a server stalls, the messages that wait for a connection count, too.
func (c *Crowd) Open(rate float64) []time.Duration {
	c.tb.Helper()
	start, gap := time.Now(), time.Duration(float64(time.Second)/rate)
	return c.send(func(w *writer, i int) time.Time {
		due := start.Add(gap * time.Duration(i*len(c.writers)+w.index))
		sleepUntil(due)
		return due
	})
}

func (c *Crowd) send(due func(w *writer, i int) time.Time) (took []time.Duration) {
	c.tb.Helper()
	var group errgroup.Group
	for _, w := range c.writers {
		group.Go(func() error {
			for i := range w.requests {
				began := due(w, i)
				if err := w.exchange(i); err != nil {
					return err
				}
				w.took[i] = time.Since(began)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		c.tb.Fatal(err)
	}
	for _, w := range c.writers {
		took = append(took, w.took...)
		w.next += len(w.requests)
		w.requests = nil
	}
	return took
}

// conversation returns the conversation of the ith message from now on.
func (w *writer) conversation(i int) *Conversation {
	return w.conversations[(w.next+i)%len(w.conversations)]
}

func (w *writer) request(c *Conversation) []byte {
	from := *w.sender
	from.From = c.From
	form := from.Form(webhooktest.NewSID(), "hello")
	body := form.Encode()
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /sms HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"User-Agent: TwilioProxy/1.1\r\nAccept: */*\r\nX-Home-Region: us1\r\nX-Twilio-Signature: %s\r\nContent-Length: %d\r\n",
		webhooktest.Sign(webhooktest.AuthToken, webhooktest.PublicURL+"/sms", form), len(body))
	if c.Cookie != "" {
		fmt.Fprintf(&b, "Cookie: smsession=%s\r\n", c.Cookie)
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// exchange sends the ith prepared message and reads the reply.
func (w *writer) exchange(i int) error {
	server := rand.IntN(len(w.conns))
	if w.hasAffinity {
		server = (w.index + (w.next+i)%len(w.conversations)) % len(w.conns)
	}
	if _, err := w.conns[server].Write(w.requests[i]); err != nil {
		return err
	}
	res, err := http.ReadResponse(w.replies[server], nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the status is %d", res.StatusCode)
	}
	for _, cookie := range res.Cookies() {
		w.conversation(i).Cookie = cookie.Value
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
