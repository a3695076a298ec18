package redispool_test

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// piece is larger than the 4 KB that redigo's buffer holds, as a record with its replies is.
var piece = strings.Repeat("x", 6<<10)

func TestWhatIsHeldBackKeepsItsOrder(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(c redis.Conn) (any, error)
		want string
	}{
		{"when small commands are followed by Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", "a")
			c.Send("APPEND", "key", "b")
			return c.Do("GET", "key")
		}, "ab"},
		{"when large commands are followed by Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", piece)
			c.Send("APPEND", "key", "b")
			c.Send("APPEND", "key", piece)
			return c.Do("GET", "key")
		}, piece + "b" + piece},
		{"when a large command follows Do", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", "a")
			c.Do("APPEND", "key", piece)
			c.Send("APPEND", "key", "b")
			return c.Do("GET", "key")
		}, "a" + piece + "b"},
		{"over several flushes", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", piece)
			c.Flush()
			c.Send("APPEND", "key", "b")
			c.Flush()
			c.Send("GET", "key")
			c.Flush()
			c.Receive()
			c.Receive()
			return c.Receive()
		}, piece + "b"},
		{"when the connection is given back without a flush", func(c redis.Conn) (any, error) {
			c.Send("SET", "key", piece)
			return piece, c.Close()
		}, piece},
	} {
		t.Run(row.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
				p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
				c := p.Get()
				defer c.Close()
				if got, err := redis.String(row.run(c)); got != row.want || err != nil {
					t.Errorf("got %d bytes, %v, want %d", len(got), err, len(row.want))
				}
				c.Close()
				if got, err := redis.String(do(p, "GET", "key")); got != row.want || err != nil {
					t.Errorf("the key holds %d bytes, %v, want %d", len(got), err, len(row.want))
				}
				if got := p.IdleCount(); got != 1 {
					t.Errorf("%d connections went back to the pool, want the one", got)
				}
			})
		})
	}
}

func TestWhatWasHeldBackWhenTheConnectionBrokeIsAnError(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(c redis.Conn) error
	}{
		{"at Flush and Receive", func(c redis.Conn) error {
			if err := c.Flush(); err != nil {
				return err
			}
			_, err := c.Receive()
			return err
		}},
		{"at Do", func(c redis.Conn) error {
			_, err := c.Do("PING")
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
				proxy := redistest.StartProxy(t, b.Addr)
				p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{proxy.Addr()}}})
				fill(t, p, 2)
				c := p.Get()
				c.Send("SET", "key", piece)
				proxy.Reset()
				if err := row.run(c); err == nil {
					t.Error("there was no error")
				}
				c.Close()
				if _, err := do(p, "PING"); err != nil {
					t.Errorf("the first command after it: %v", err)
				}
			})
		})
	}
}
