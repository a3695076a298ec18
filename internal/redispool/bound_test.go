package redispool_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestNoStepWaitsLongForAServerThatDoesNotAnswer(t *testing.T) {
	s := redistest.Start(t, redistest.Options{Password: "secret"})
	secure := redistest.Start(t, redistest.Options{TLS: true})
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{Password: "secret"}}})
	overTLS := redispool.Options{URL: redisurl.URL{Addrs: []string{secure.Addr()}, Redis: redisurl.Login{TLS: trusting(t, secure)}}}
	fill(t, p, 4)
	s.Pause()
	secure.Pause()
	t.Run("while it is paused", func(t *testing.T) {
		for _, row := range []struct {
			name string
			run  func() error
		}{
			{"a command", func() error { _, err := do(p, "PING"); return err }},
			{"a pipeline", func() error {
				c := p.Get()
				defer c.Close()
				c.Send("SET", "key", piece)
				c.Flush()
				_, err := c.Receive()
				return err
			}},
			{"authentication", func() error {
				return redispool.Ping(t.Context(), open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{Password: "secret"}}}))
			}},
			{"the choice of a database", func() error {
				return redispool.Ping(t.Context(), open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Database: 1}}))
			}},
			{"a TLS handshake", func() error { return redispool.Ping(t.Context(), open(t, overTLS)) }},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				within(t, row.name, func() {
					err := row.run()
					if err == nil {
						t.Error("a paused server answered")
					}
					if redispool.Refused(err) {
						t.Errorf("%v counts as a refusal", err)
					}
					if !unreachable(err) {
						t.Errorf("%v does not count as the network's", err)
					}
				})
			})
		}
	})
	s.Resume()
	secure.Resume()
	// Directly after a failed attempt to connect, the next attempt must wait.
	eventually(t, func() error { return redispool.Ping(t.Context(), p) })
}

// answerTwice answers the first two commands on each connection and reads no more. The first one checks whether the
// server answers, and the second one whether it is a node of a Cluster.
func answerTwice(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for _, answer := range []string{"+PONG\r\n", "-ERR unknown command\r\n"} {
			if _, err := c.Read(make([]byte, 64)); err == nil {
				io.WriteString(c, answer)
			}
		}
	}
}

// A server that does not read fills the buffers on the way, and then a write does not end by itself.
func TestNoWriteWaitsLong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go answerTwice(l)
	// Should a write wait for ever, this ends it, with another error.
	defer time.AfterFunc(time.Minute, func() { l.Close() }).Stop()
	endless := strings.Repeat("x", 16<<20)
	for _, row := range []struct {
		name    string
		prepare func(c redis.Conn) // what costs the processor time, and writes nothing yet
		run     func(c redis.Conn) error
	}{
		{"of a command", func(redis.Conn) {}, func(c redis.Conn) error {
			_, err := c.Do("SET", "key", endless)
			return err
		}},
		{"of what was held back", func(c redis.Conn) { c.Send("SET", "key", endless) }, func(c redis.Conn) error { c.Flush(); _, err := c.Receive(); return err }},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{l.Addr().String()}}}).Get()
			defer c.Close()
			row.prepare(c)
			var timeout net.Error
			if err := row.run(c); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("the error is %v, want a time-out", err)
			}
			if _, err := c.Receive(); errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the broken connection is waited for once more")
			}
		})
	}
}

func TestThePoolNeverWaitsForAConnection(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
		var held []redis.Conn
		for range redispool.Size {
			held = append(held, p.Get())
		}
		if err := redispool.Ping(t.Context(), p); err != nil {
			t.Errorf("while messages hold all their %d connections Ping returned %v", redispool.Size, err)
		}
		within(t, "asking for more connections than there are", func() {
			for err := error(nil); !errors.Is(err, redis.ErrPoolExhausted); {
				c := p.Get()
				held = append(held, c)
				if err = c.Err(); err != nil && !errors.Is(err, redis.ErrPoolExhausted) || len(held) > 2*redispool.Size {
					t.Fatalf("connection %d: %v, want redigo's own error for the first that is too many", len(held), err)
				}
			}
		})
		for _, c := range held {
			c.Close()
		}
		fill(t, p, redispool.Size)
	})
}
