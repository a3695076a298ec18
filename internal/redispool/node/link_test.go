package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
)

// script is how a fake server reacts to a command: it may wait, write to c, and close c.
type script func(c net.Conn, args []string)

// echo replies with the last argument.
func echo(c net.Conn, args []string) {
	last := args[len(args)-1]
	fmt.Fprintf(c, "$%d\r\n%s\r\n", len(last), last)
}

// serve runs a fake server at one end of a pipe until the pipe is closed. As Redis does, it reads commands while its
// replies wait for a reader.
func serve(c net.Conn, react script) {
	commands := make(chan []string, 1000)
	go func() {
		for args := range commands {
			react(c, args)
		}
	}()
	defer close(commands)
	for r := bufio.NewReader(c); ; {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		commands <- args
	}
}

func readCommand(r *bufio.Reader) (args []string, err error) {
	line, err := r.ReadString('\n')
	count, _ := strconv.Atoi(strings.Trim(line, "*\r\n"))
	for range count {
		line, _ = r.ReadString('\n')
		size, _ := strconv.Atoi(strings.Trim(line, "$\r\n"))
		text := make([]byte, size+2)
		_, err = io.ReadFull(r, text)
		args = append(args, string(text[:size]))
	}
	return args, err
}

// linked runs a test in a bubble with Conns that share a link to a fake server. The bubble fails if the link leaves a
// goroutine behind.
func linked(t *testing.T, react script, n int, run func(t *testing.T, conns []*Conn, network *countingConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go serve(server, react)
		network := &countingConn{Conn: client}
		s := &socket{Conn: network, timeout: time.Second}
		o := Options{Failed: func(error) {}}
		l := newLink(&wire{node: New("redis.example.com:6379", o), socket: s, raw: redis.NewConn(s, 0, 0)})
		var conns []*Conn
		for range n {
			c := l.join()
			defer c.Close()
			conns = append(conns, c)
		}
		run(t, conns, network)
	})
}

// together sends ECHO with a text of its own on each connection at the same time, and returns the results.
func together(conns []*Conn) []string {
	results := make([]string, len(conns))
	var group sync.WaitGroup
	for i, c := range conns {
		group.Go(func() {
			reply, err := redis.String(c.Do("ECHO", text(i)))
			results[i] = reply
			if err != nil {
				results[i] = err.Error()
			}
		})
	}
	group.Wait()
	return results
}

func text(i int) string { return fmt.Sprintf("text %d", i) }

// late replies to the first command after half a second.
func late() script {
	var once sync.Once
	return func(c net.Conn, args []string) {
		once.Do(func() { time.Sleep(time.Second / 2) })
		echo(c, args)
	}
}

// misled sends commands one after the other, with small pauses, and returns how many got the reply to another one.
func misled(do func(i int, text string) (string, error)) (n int) {
	wrong := make([]bool, 4)
	var group sync.WaitGroup
	for i := range wrong {
		time.Sleep(100 * time.Millisecond)
		group.Go(func() {
			reply, err := do(i, text(i))
			wrong[i] = err == nil && reply != text(i)
		})
	}
	group.Wait()
	for _, isWrong := range wrong {
		if isWrong {
			n++
		}
	}
	return n
}

// naiveLink is the negative control. A call that gives up is removed from the queue, so that the next reply reaches the
// wrong call.
type naiveLink struct {
	mu      sync.Mutex
	raw     redis.Conn
	waiting []chan string
}

func (l *naiveLink) do(text string, patience time.Duration) (string, error) {
	reply := make(chan string, 1)
	l.mu.Lock()
	l.waiting = append(l.waiting, reply)
	l.raw.Send("ECHO", text)
	l.raw.Flush()
	l.mu.Unlock()
	select {
	case text := <-reply:
		return text, nil
	case <-time.After(patience):
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, other := range l.waiting {
			if other == reply {
				l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
				break
			}
		}
		return "", errors.New("gave up")
	}
}

func (l *naiveLink) read() {
	for {
		text, err := redis.String(l.raw.Receive())
		if err != nil {
			return
		}
		l.mu.Lock()
		if len(l.waiting) > 0 {
			l.waiting[0] <- text
			l.waiting = l.waiting[1:]
		}
		l.mu.Unlock()
	}
}

func TestRepliesReachTheirCalls(t *testing.T) {
	t.Run("if the first reply is late", func(t *testing.T) {
		linked(t, late(), 4, func(t *testing.T, conns []*Conn, _ *countingConn) {
			n := misled(func(i int, text string) (string, error) { return redis.String(conns[i].Do("ECHO", text)) })
			if n != 0 {
				t.Errorf("%d calls got the reply to another call", n)
			}
		})
	})
	t.Run("a naive link confuses them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer server.Close()
			go serve(server, late())
			naive := &naiveLink{raw: redis.NewConn(client, 0, 0)}
			defer naive.raw.Close()
			go naive.read()
			// The calls after the first are more patient.
			n := misled(func(i int, text string) (string, error) {
				return naive.do(text, time.Duration(i+1)*300*time.Millisecond)
			})
			if n == 0 {
				t.Error("every call got its own reply, so the test proves nothing")
			}
		})
	})
	t.Run("if a reply cannot be read", func(t *testing.T) {
		broken := func(c net.Conn, args []string) {
			if args[1] == text(2) {
				io.WriteString(c, "$3\r\ntoo long\r\n$6\r\nwrong!\r\n$6\r\nwrong!\r\n")
			}
		}
		linked(t, broken, 3, func(t *testing.T, conns []*Conn, _ *countingConn) {
			for i, got := range together(conns) {
				if got == "wrong!" {
					t.Errorf("call %d got a part of the reply to another call", i)
				}
			}
		})
	})
	t.Run("if each call has three commands", func(t *testing.T) {
		linked(t, echo, 16, func(t *testing.T, conns []*Conn, _ *countingConn) {
			var group sync.WaitGroup
			for i, c := range conns {
				group.Go(func() {
					for round := range 5 {
						keepsOrder(t, c, fmt.Sprintf("%d-%d", i, round))
					}
				})
			}
			group.Wait()
		})
	})
}

// keepsOrder checks the order of the replies to a pipeline. The second one is large.
func keepsOrder(t *testing.T, c *Conn, name string) {
	sent := []string{name + "a", name + strings.Repeat("b", 20<<10), name + "c"}
	for _, text := range sent {
		c.Send("ECHO", text)
	}
	c.Flush()
	for i, want := range sent {
		if got, err := redis.String(c.Receive()); got != want || err != nil {
			t.Errorf("reply %d to call %s has %d bytes, %v", i, name, len(got), err)
		}
	}
}

func TestLinkWritesBatches(t *testing.T) {
	linked(t, echo, 64, func(t *testing.T, conns []*Conn, network *countingConn) {
		network.gate = make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { together(conns[:1]) })
		synctest.Wait() // the first write waits
		group.Go(func() { together(conns[1:]) })
		synctest.Wait() // the other commands have gathered
		close(network.gate)
		group.Wait()
		if network.writes != 2 {
			t.Errorf("64 commands took %d writes", network.writes)
		}
	})
}

func TestLinkFailure(t *testing.T) {
	t.Run("every call in flight gets the error", func(t *testing.T) {
		first := true
		reset := func(c net.Conn, args []string) {
			if !first {
				c.Close()
				return
			}
			first = false
			echo(c, args)
		}
		linked(t, reset, 8, func(t *testing.T, conns []*Conn, _ *countingConn) {
			replies := 0
			for i, got := range together(conns) {
				if got == text(i) {
					replies++
				} else if got != io.EOF.Error() && got != io.ErrClosedPipe.Error() {
					t.Errorf("call %d got %q", i, got)
				}
			}
			if replies != 1 {
				t.Errorf("%d calls got a reply, want 1", replies)
			}
			for i, c := range conns {
				if _, err := c.Do("ECHO", "again"); err == nil || c.Err() == nil {
					t.Errorf("connection %d is used again", i)
				}
			}
		})
	})
	t.Run("an error reply without a code affects only its call", func(t *testing.T) {
		refuse := func(c net.Conn, args []string) {
			if args[1] == text(1) {
				io.WriteString(c, "-ERR wrong value: - is not a number\r\n")
				return
			}
			echo(c, args)
		}
		linked(t, refuse, 8, func(t *testing.T, conns []*Conn, _ *countingConn) {
			for range 2 {
				for i, got := range together(conns) {
					if i != 1 && got != text(i) || i == 1 && got != "ERR wrong value: - is not a number" {
						t.Errorf("call %d got %q", i, got)
					}
				}
			}
		})
	})
	t.Run("a server that is silent for the time limit fails the link", func(t *testing.T) {
		silent := func(net.Conn, []string) {}
		linked(t, silent, 8, func(t *testing.T, conns []*Conn, _ *countingConn) {
			began := time.Now()
			for i, got := range together(conns) {
				if !strings.Contains(got, "timeout") {
					t.Errorf("call %d got %q", i, got)
				}
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("the calls took %v, want the time limit", took)
			}
		})
	})
	t.Run("a reply that arrives slowly but steadily does not", func(t *testing.T) {
		trickle := func(c net.Conn, args []string) {
			for _, b := range []byte("$5\r\nhello\r\n") {
				time.Sleep(9 * time.Second / 10)
				c.Write([]byte{b})
			}
		}
		linked(t, trickle, 1, func(t *testing.T, conns []*Conn, _ *countingConn) {
			if got, err := redis.String(conns[0].Do("GET", "key")); got != "hello" || err != nil {
				t.Errorf("GET: %q, %v", got, err)
			}
		})
	})
	t.Run("a link that was idle for longer than the time limit works", func(t *testing.T) {
		linked(t, echo, 1, func(t *testing.T, conns []*Conn, _ *countingConn) {
			for range 3 {
				if got := together(conns); got[0] != text(0) {
					t.Errorf("ECHO: %s", got[0])
				}
				time.Sleep(time.Minute)
			}
		})
	})
}

func TestLinkClose(t *testing.T) {
	linked(t, echo, 3, func(t *testing.T, conns []*Conn, _ *countingConn) {
		conns[0].Close()
		if got := together(conns[1:]); got[1] != text(1) {
			t.Errorf("after one user has left, the others get %q", got)
		}
		conns[1].Close()
		conns[2].Close()
		if _, err := conns[2].Do("ECHO", "late"); !errors.Is(err, errClosed) {
			t.Errorf("after the last user has left, a command gets %v", err)
		}
	})
}

func TestLinkBuffer(t *testing.T) {
	linked(t, echo, 1, func(t *testing.T, conns []*Conn, _ *countingConn) {
		l := conns[0].link
		conns[0].Do("ECHO", strings.Repeat("x", 2*maxSharedKept))
		for range 2 { // there are two buffers
			conns[0].Do("ECHO", "x")
			l.mu.Lock()
			if n := cap(l.socket.unsent); n > maxSharedKept {
				t.Errorf("the link keeps a buffer of %d bytes", n)
			}
			l.mu.Unlock()
		}
	})
}

// TestShared checks which Conns Node.Shared returns.
func TestShared(t *testing.T) {
	const peer = "10.0.0.1:6379"
	for name, row := range map[string]struct {
		happens func(n *Node, user *Conn)
		isGiven bool
	}{
		"a link that was idle for less than its limit": {func(*Node, *Conn) { time.Sleep(idleTimeout - 2*time.Second) }, true},
		"not a link that was idle for longer":          {func(*Node, *Conn) { time.Sleep(idleTimeout) }, false},
		"not a link that was idle when another connection to its server was lost": {
			func(n *Node, _ *Conn) { n.lose(peer, io.EOF) }, false},
		"a link that was used since then": {func(n *Node, user *Conn) {
			n.lose(peer, io.EOF)
			time.Sleep(time.Second)
			user.Do("PING")
		}, true},
		"not a link that must not be used again": {func(n *Node, _ *Conn) { n.link.retire(io.EOF) }, false},
		"not a link that is too old":             {func(n *Node, _ *Conn) { n.link.expires = time.Now() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			linked(t, echo, 1, func(t *testing.T, conns []*Conn, _ *countingConn) {
				n := conns[0].wire.node
				n.link, conns[0].wire.peer, conns[0].wire.expires = conns[0].link, peer, time.Now().Add(time.Hour)
				time.Sleep(time.Second)
				row.happens(n, conns[0])
				c := n.Shared()
				if isGiven := c != nil; isGiven != row.isGiven || n.InUse() == 0 == isGiven {
					t.Errorf("it is given: %t, and %d are in use", isGiven, n.InUse())
				}
				if c != nil {
					c.Close()
				}
			})
		})
	}
	t.Run("a Conn without the commands and the replies that its last user has left", func(t *testing.T) {
		linked(t, echo, 1, func(t *testing.T, conns []*Conn, _ *countingConn) {
			n := conns[0].wire.node
			n.link, conns[0].wire.expires = conns[0].link, time.Now().Add(time.Hour)
			last := n.Shared()
			last.Send("ECHO", "not received")
			last.Flush()
			last.Send("ECHO", "not flushed")
			last.Close()
			next := n.Shared()
			last.Close() // must not close the Conn of the next user
			if len(n.link.free) != 0 || n.InUse() != 1 {
				t.Errorf("%d Conns are free, and %d are in use", len(n.link.free), n.InUse())
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("a closed Conn is used")
					}
				}()
				last.Do("ECHO", "late")
			}()
			next.Send("ECHO", "own")
			next.Flush()
			if got, err := redis.String(next.Receive()); got != "own" || err != nil {
				t.Errorf("ECHO: %q, %v", got, err)
			}
			next.Close()
		})
	})
}
