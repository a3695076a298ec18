package redispool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// large is longer than the 4 KB of redigo's buffer, as a record with its replies is.
var large = strings.Repeat("x", 6<<10)

func TestPipelineOrder(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		run  func(c redis.Conn) (any, error)
		want string
	}{
		{"small commands come before Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", "a")
			c.Send("APPEND", "key", "b")
			return c.Do("GET", "key")
		}, "ab"},
		{"large commands come before Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", large)
			c.Send("APPEND", "key", "b")
			c.Send("APPEND", "key", large)
			return c.Do("GET", "key")
		}, large + "b" + large},
		{"a large command comes after Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", "a")
			c.Do("APPEND", "key", large)
			c.Send("APPEND", "key", "b")
			return c.Do("GET", "key")
		}, "a" + large + "b"},
		{"commands are flushed several times", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", large)
			c.Flush()
			c.Send("APPEND", "key", "b")
			c.Flush()
			c.Send("GET", "key")
			c.Flush()
			c.Receive()
			c.Receive()
			return c.Receive()
		}, large + "b"},
		{"the connection is returned without a flush", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", large)
			return large, c.Close()
		}, large},
	} {
		t.Run(row.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
				p := open(t, redispool.Options{URL: at(b.Addr), Timeout: patient})
				c := p.Get()
				defer c.Close()
				if got, err := redis.String(row.run(c)); got != row.want || err != nil {
					t.Errorf("got %d bytes, %v, want %d", len(got), err, len(row.want))
				}
				c.Close()
				if got, err := redis.String(do(p, "GET", "key")); got != row.want || err != nil {
					t.Errorf("the key has %d bytes, %v, want %d", len(got), err, len(row.want))
				}
				if got := p.IdleCount(); got != 1 {
					t.Errorf("the pool has %d connections, want 1", got)
				}
			})
		})
	}
}

func TestPipelineOnABrokenConnection(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(c redis.Conn) error{
		"Receive returns the error": func(c redis.Conn) error {
			if err := c.Flush(); err != nil {
				return err
			}
			_, err := c.Receive()
			return err
		},
		"Do returns the error": func(c redis.Conn) error {
			_, err := c.Do("PING")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
				proxy := redistest.StartProxy(t, b.Addr)
				p := open(t, redispool.Options{URL: at(proxy.Addr()), Timeout: patient})
				fill(t, p, 2)
				c := p.Get()
				c.Send("SET", "key", large)
				proxy.Reset()
				if err := run(c); err == nil {
					t.Error("there is no error")
				}
				c.Close()
				if _, err := do(p, "PING"); err != nil {
					t.Errorf("the first command afterwards: %v", err)
				}
			})
		})
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	pipeline := func(n int) func(c redis.Conn) {
		return func(c redis.Conn) {
			for range n {
				c.Send("PING")
			}
			c.Flush()
			for range n {
				c.Receive()
			}
		}
	}
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for name, row := range map[string]struct {
			run  func(c redis.Conn)
			want int
		}{
			"an unused connection makes no round trip":     {func(redis.Conn) {}, 0},
			"a command is one round trip":                  {func(c redis.Conn) { c.Do("PING") }, 1},
			"a command with an error is one round trip":    {func(c redis.Conn) { c.Do("NONSENSE") }, 1},
			"two commands are two round trips":             {func(c redis.Conn) { c.Do("PING"); c.Do("PING") }, 2},
			"a pipeline of three is one round trip":        {pipeline(3), 1},
			"two pipelines are two round trips":            {func(c redis.Conn) { pipeline(2)(c); pipeline(2)(c) }, 2},
			"a pipeline and a command are two round trips": {func(c redis.Conn) { pipeline(2)(c); c.Do("PING") }, 2},
		} {
			t.Run(name, func(t *testing.T) {
				trips := 0
				p := open(t, redispool.Options{URL: at(b.Addr), Timeout: patient, Observe: func(time.Duration) {
					trips++
				}})
				c := p.Get()
				row.run(c)
				c.Close()
				if trips != row.want {
					t.Errorf("%d round trips were observed, want %d", trips, row.want)
				}
			})
		}
	})
	t.Run("a round trip takes as long as Redis takes", func(t *testing.T) {
		const pause = 100 * time.Millisecond
		var took []time.Duration
		server := redistest.Start(t, redistest.Options{})
		o := redispool.Options{URL: at(server.Addr()), Timeout: patient, Observe: func(d time.Duration) {
			took = append(took, d)
		}}
		c := open(t, o).Get()
		defer c.Close()
		c.Do("BLPOP", "empty", pause.Seconds())
		c.Send("BLPOP", "empty", pause.Seconds())
		c.Do("PING")
		for _, d := range took {
			if d < pause*9/10 { // Redis rounds to its own clock
				t.Errorf("a round trip took %v, want at least %v", d, pause)
			}
		}
		if len(took) != 2 {
			t.Errorf("%d round trips were observed, want 2", len(took))
		}
	})
}
