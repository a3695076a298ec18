package inspect

import (
	"testing"

	"github.com/gomodule/redigo/redis"
)

// movingConn is a connection on which a key has moved to another server, and is found again for GET.
type movingConn struct {
	redis.Conn
	sent []string
}

func (c *movingConn) Send(name string, _ ...any) error {
	c.sent = append(c.sent, name)
	return nil
}

func (c *movingConn) Flush() error { return nil }

func (c *movingConn) Receive() (any, error) {
	name := c.sent[0]
	c.sent = c.sent[1:]
	if name == "GET" {
		return []byte("a value of any size"), nil
	}
	return nil, redis.Error("MOVED 1 10.0.0.1:6379")
}

func TestValueOfUnknownSizeIsNotRead(t *testing.T) {
	values, err := reader{&movingConn{}, 1}.values([]string{"key"}, 1)
	if err != nil || len(values) != 1 || values[0].Text != nil {
		t.Errorf("the values are %+v, %v", values, err)
	}
}
