package redistest

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/webhooktest"
)

func TestProxy(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	c := Conn(t, p.Addr())
	big := strings.Repeat("x", 1<<20) // many times the proxy's buffer
	if _, err := c.Do("SET", "key", big); err != nil {
		t.Fatal(err)
	}
	if got, err := redis.String(c.Do("GET", "key")); got != big {
		t.Errorf("GET returned %d bytes, %v, want %d", len(got), err, len(big))
	}
	if p.Cuts() != 0 {
		t.Errorf("Cuts() = %d, want 0", p.Cuts())
	}
}

func TestCutReply(t *testing.T) {
	Each(t, func(t *testing.T, b *Backend) {
		p := StartProxy(t, b.Addr)
		direct := Conn(t, b.Addr)
		p.CutReplies(1, 1)
		for i := 1; i <= 20; i++ {
			c, err := redis.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do("INCR", "n"); err == nil {
				t.Fatal("INCR was answered")
			}
			c.Close()
			if n, err := redis.Int(direct.Do("GET", "n")); n != i || err != nil {
				t.Fatalf("n = %d, %v after %d increments without a reply", n, err, i)
			}
		}
		if p.Cuts() != 20 {
			t.Errorf("Cuts() = %d, want 20", p.Cuts())
		}
		p.CutReplies(0, 0)
		if _, err := Conn(t, p.Addr()).Do("PING"); err != nil {
			t.Errorf("PING after the cuts ended: %v", err)
		}
	})
}

func TestCutPipeline(t *testing.T) {
	b := embedded(t)
	p := StartProxy(t, b.Addr)
	p.CutReplies(1, 1)
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A large pipeline arrives in pieces. Here, the second piece arrives after the reply to the first one was lost.
	c.Write([]byte("*3\r\n$3\r\nSET\r\n$5\r\nfirst\r\n$1\r\nx\r\n"))
	if n, err := c.Read(make([]byte, 64)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("read: %d bytes, %v, want the end of the stream", n, err)
	}
	c.Write([]byte("*3\r\n$3\r\nSET\r\n$6\r\nsecond\r\n$1\r\nx\r\n"))
	c.Close()

	direct := Conn(t, b.Addr)
	webhooktest.Wait(t, "the second command", func() bool {
		n, err := redis.Int(direct.Do("DBSIZE"))
		return n == 2 && err == nil
	})
}

func TestShareOfCuts(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	run := func(seed uint64) int {
		p.CutReplies(0.3, seed)
		before := p.Cuts()
		for range 200 {
			c, err := redis.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			c.Do("PING")
			c.Close()
		}
		return p.Cuts() - before
	}
	// 60 are expected, with a standard deviation of 6.5.
	first := run(7)
	if first < 30 || first > 90 {
		t.Errorf("%d of 200 replies were cut at a share of 0.3", first)
	}
	if again := run(7); again != first {
		t.Errorf("the same seed cut %d replies, then %d", first, again)
	}
}

func TestDownAndUp(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	c := Conn(t, p.Addr())
	p.Down()
	if _, err := c.Do("PING"); err == nil {
		t.Error("a connection outlived Down")
	}
	if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial while down: %v, want connection refused", err)
	}
	p.Up()
	p.Up() // a second call does nothing
	if _, err := Conn(t, p.Addr()).Do("PING"); err != nil {
		t.Errorf("PING after Up: %v", err)
	}
}

func TestReset(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// After the reply to PING, the proxy has accepted the connection.
	if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, err := c.Read(buf); err != nil || n == 0 {
		t.Fatalf("read: %d bytes, %v", n, err)
	}
	p.Reset()
	if _, err := c.Read(buf); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read after Reset: %v, want connection reset", err)
	}
	if _, err := Conn(t, p.Addr()).Do("PING"); err != nil {
		t.Errorf("PING on a new connection: %v", err)
	}
}

func TestProxyWithoutTarget(t *testing.T) {
	s := Start(t, Options{})
	p := StartProxy(t, s.Addr())
	s.Kill()
	c, err := redis.Dial("tcp", p.Addr())
	if err != nil {
		return // the reset came during the dial
	}
	defer c.Close()
	if _, err := c.Do("PING"); err == nil {
		t.Error("PING was answered without a target")
	}
}

// exchange sends commands in one write, and returns what arrives until the proxy closes the connection or a second has
// passed.
func exchange(t *testing.T, p *Proxy, commands string) string {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, commands); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	replies, _ := io.ReadAll(c)
	return string(replies)
}

const increment = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"

func TestCutBetweenReplies(t *testing.T) {
	server := Start(t, Options{})
	p := StartProxy(t, server.Addr())
	p.Impair(Impairment{Lose: 1, KeepFirst: true}, 1)
	if got := exchange(t, p, increment+increment); got != ":1\r\n" {
		t.Errorf("of two replies, %q arrived", got)
	}
	if got := exchange(t, p, increment); got != ":3\r\n" {
		t.Errorf("of one reply, %q arrived", got)
	}
}

func TestHold(t *testing.T) {
	server := Start(t, Options{})
	p := StartProxy(t, server.Addr())
	p.Impair(Impairment{Hold: true}, 1)
	if got := exchange(t, p, increment); got != "" {
		t.Errorf("while bytes are held, %q arrived", got)
	}
	if got := server.CLI("EXISTS", "n"); got != "0" {
		t.Error("the command arrived while bytes are held")
	}
	p.Impair(Impairment{}, 1)
	webhooktest.Wait(t, "the command of a client that has given up", func() bool {
		return server.CLI("GET", "n") == "1"
	})
}

func TestSlowReplies(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	for _, row := range []Impairment{{Delay: 50 * time.Millisecond}, {Slice: 100}} {
		p.Impair(row, 1)
		c, began := Conn(t, p.Addr()), time.Now()
		big := strings.Repeat("x", 5000)
		if got, err := redis.String(c.Do("ECHO", big)); got != big || err != nil {
			t.Errorf("%+v: ECHO returned %d bytes, %v", row, len(got), err)
		}
		if took := time.Since(began); took < 50*time.Millisecond {
			t.Errorf("%+v: the reply took %v", row, took)
		}
	}
}

func TestVaryingDelay(t *testing.T) {
	p := &Proxy{}
	i := impaired{Impairment{Delay: time.Second, Vary: true}, rand.New(rand.NewPCG(1, 0)), nil}
	if a, b := p.delay(i), p.delay(i); a == b || max(a, b) >= time.Second {
		t.Errorf("two replies are delayed by %v and %v", a, b)
	}
}

func TestCatch(t *testing.T) {
	p := StartProxy(t, embedded(t).Addr)
	var caught []string
	p.Catch(func(reply []byte) bool {
		caught = append(caught, string(reply))
		return len(caught) == 2
	})
	c := Conn(t, p.Addr())
	for range 3 {
		if _, err := c.Do("INCR", "n"); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(caught, []string{":1\r\n", ":2\r\n"}) {
		t.Errorf("the replies %q were caught", caught)
	}
}

func TestReplyLength(t *testing.T) {
	for _, row := range []struct {
		name, replies string
		want          int
	}{
		{"a status", "+OK\r\n+OK\r\n", 5},
		{"a text", "$3\r\na\r\nb\r\n:1\r\n", 9},
		{"no text", "$-1\r\n:1\r\n", 5},
		{"a list", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n:2\r\n", 19},
		{"no list", "*-1\r\n:1\r\n", 5},
		{"an incomplete text", "$30\r\nabc", 8},
		{"an incomplete list", "*2\r\n:1\r\n", 8},
	} {
		if got := replyLength([]byte(row.replies)); got != row.want {
			t.Errorf("%s: the length is %d, want %d", row.name, got, row.want)
		}
	}
}
