package redistest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// Impairment is what a Proxy does to the bytes that it passes. The zero value passes them as they are.
type Impairment struct {
	// Lose is the share of the replies that are lost, 0 to 1. Redis executes the commands, but the connection is closed
	// instead of answered. A pipeline counts as one reply; the end of a large pipeline may be executed a moment after
	// the client has lost its connection.
	Lose float64
	// KeepFirst passes the first reply of a pipeline before the others are lost. A reply that comes alone is not lost.
	KeepFirst bool
	// Delay delays each reply. With Vary, it is the longest of many different delays.
	Delay time.Duration
	Vary  bool
	// Slice is how many bytes of a reply are passed at a time, one slice in a millisecond. 0 means all at once.
	Slice int
	// Hold lets no byte pass until the next call of Impair, like a network that has failed without closing a
	// connection. The commands arrive afterwards, also those of clients that have given up.
	Hold bool
}

// impaired is an Impairment that is in force.
type impaired struct {
	Impairment
	random *rand.Rand
	ended  chan struct{} // closed when the next one is in force
}

// Impair replaces the impairment. The same seed makes the same choices if the requests have the same order.
func (p *Proxy) Impair(i Impairment, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.impaired.ended)
	p.impaired = impaired{i, rand.New(rand.NewPCG(seed, 0)), make(chan struct{})}
}

// CutReplies makes the proxy lose this share of the replies. See Impairment.Lose.
func (p *Proxy) CutReplies(share float64, seed uint64) { p.Impair(Impairment{Lose: share}, seed) }

// impairment returns the impairment that applies now. It waits while bytes are held.
func (p *Proxy) impairment() impaired {
	for {
		p.mu.Lock()
		i := p.impaired
		p.mu.Unlock()
		if !i.Hold {
			return i
		}
		<-i.ended
	}
}

// passRequest passes bytes to Redis.
func (p *Proxy) passRequest(l *link, b []byte) bool {
	l.asked.Store(true)
	p.impairment()
	_, err := l.target.Write(b)
	return err == nil
}

// passReply passes bytes to the client. It reports false if the connection is over.
func (p *Proxy) passReply(l *link, b []byte) bool {
	i := p.impairment()
	p.catch(b)
	if l.asked.Swap(false) && p.loses(i, b) {
		if i.KeepFirst {
			_, _ = l.client.Write(b[:replyLength(b)])
		}
		p.lose(l)
		return false
	}
	time.Sleep(p.delay(i))
	return i.write(l.client, b) == nil
}

// Catch calls caught with each reply before it passes, until caught returns true. It replaces the last Catch. nil ends
// it.
func (p *Proxy) Catch(caught func(reply []byte) bool) {
	p.catching.Lock()
	defer p.catching.Unlock()
	p.caught = caught
}

func (p *Proxy) catch(b []byte) {
	p.catching.Lock()
	defer p.catching.Unlock()
	if p.caught != nil && p.caught(b) {
		p.caught = nil
	}
}

// write writes a reply, in slices if there should be some.
func (i impaired) write(to net.Conn, b []byte) error {
	for i.Slice > 0 && len(b) > i.Slice {
		if _, err := to.Write(b[:i.Slice]); err != nil {
			return err
		}
		b = b[i.Slice:]
		time.Sleep(time.Millisecond)
	}
	_, err := to.Write(b)
	return err
}

// delay returns for how long a reply is delayed.
func (p *Proxy) delay(i impaired) time.Duration {
	if !i.Vary {
		return i.Delay
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(i.random.Int64N(int64(i.Delay)))
}

// loses decides at random whether a reply is lost.
func (p *Proxy) loses(i impaired, b []byte) bool {
	if i.Lose == 0 || i.KeepFirst && replyLength(b) == len(b) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return i.random.Float64() < i.Lose
}

// lose loses a reply: the client reads the end of the stream instead. The proxy still passes requests until the client
// closes its side, because the first reply of a pipeline can come before its last command, and a lost reply means that
// its command was executed.
func (p *Proxy) lose(l *link) {
	p.cuts.Add(1)
	deadline := time.Now().Add(closeTimeout)
	_ = l.client.CloseWrite()
	_ = l.client.SetReadDeadline(deadline)
	_ = l.target.SetReadDeadline(deadline)
	_, _ = io.Copy(io.Discard, l.target)
}

// replyLength returns the length of the first reply in b, or all of b if the reply is not complete.
//
// See https://redis.io/docs/latest/develop/reference/protocol-spec/.
func replyLength(b []byte) int {
	line, _, found := bytes.Cut(b, []byte("\r\n"))
	if !found || len(line) == 0 {
		return len(b)
	}
	length := len(line) + 2
	n, _ := strconv.Atoi(string(line[1:]))
	switch {
	case line[0] == '$' && n >= 0:
		length += n + 2
	case line[0] == '*':
		for range n {
			length += replyLength(b[min(length, len(b)):])
		}
	}
	return min(length, len(b))
}
