package phone

import (
	"net"
	"testing"
	"time"
)

// A read from a pipe takes no more than one write put in.
func TestARequestIsWrittenAtOnce(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	to, err := Endpoint{URL: "https://sms.example.com/sms"}.site()
	if err != nil {
		t.Fatal(err)
	}
	r := request{method: "POST", to: to, form: []byte("Body=hi")}
	wire := r.appendTo(nil)
	first := make(chan string)
	go func() {
		buffer := make([]byte, 2*len(wire))
		n, _ := far.Read(buffer)
		far.Close()
		first <- string(buffer[:n])
	}()
	c := &conn{Conn: near}
	c.reader.Reset(c)
	c.carry(&buffers{wire: wire})
	if got := <-first; got != string(wire) {
		t.Errorf("what was written at once is %q, want %q", got, wire)
	}
}

// clocked is a connection that has something to read, and keeps the time until which it was to be read.
type clocked struct {
	net.Conn
	until time.Time
}

func (c *clocked) Read(p []byte) (int, error)        { return len(p), nil }
func (c *clocked) SetDeadline(until time.Time) error { return c.SetReadDeadline(until) }
func (c *clocked) SetReadDeadline(until time.Time) error {
	c.until = until
	return nil
}

func TestAReadEndsAfterThePauseAndNotPastTheEnd(t *testing.T) {
	const pause = 10 * time.Second
	now := time.Now()
	inner := &clocked{}
	c := &conn{Conn: inner}
	read := func() time.Time {
		t.Helper()
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		return inner.until
	}
	c.begin(t.Context(), now.Add(15*time.Second), pause)
	if first := read(); first.Before(now.Add(pause)) || first.After(time.Now().Add(pause)) {
		t.Errorf("the first read ends %s after the beginning", first.Sub(now))
	}
	c.end = now.Add(12 * time.Second)
	c.pause = 14 * time.Second // as if it were later
	if second := read(); !second.Equal(c.end) {
		t.Errorf("the second read ends %s after the beginning, want the end", second.Sub(now))
	}
	c.begin(t.Context(), now.Add(5*time.Second), pause)
	if only := read(); !only.Equal(c.end) {
		t.Errorf("a read ends %s after the beginning, want the end", only.Sub(now))
	}
}
