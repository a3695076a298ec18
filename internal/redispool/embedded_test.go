package redispool_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	taken := listen(t, "127.0.0.1:0").Addr().String()
	t.Run("it listens on the first free address", func(t *testing.T) {
		e, err := redispool.StartEmbedded(taken, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if e.Addr() == taken || net.JoinHostPort("127.0.0.1", e.Port()) != e.Addr() {
			t.Errorf("the address is %s, and the port %s", e.Addr(), e.Port())
		}
		if err := ping(t.Context(), open(t, redispool.Options{URL: at(e.Addr())})); err != nil {
			t.Error(err)
		}
	})
	t.Run("it prefers the first address", func(t *testing.T) {
		first := fmt.Sprintf("127.0.0.1:%d", redistest.ReservePort(t))
		e, err := redispool.StartEmbedded(first, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if e.Addr() != first {
			t.Errorf("the address is %s, and %s is free", e.Addr(), first)
		}
	})
	t.Run("an error is returned if no address is free", func(t *testing.T) {
		if e, err := redispool.StartEmbedded(taken); err == nil {
			e.Close()
			t.Error("there was no error")
		}
	})
	t.Run("its keys expire without a command", func(t *testing.T) {
		e, err := redispool.StartEmbedded("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		p := open(t, redispool.Options{URL: at(e.Addr()), Timeout: patient})
		for key, ms := range map[string]int{"short": 50, "long": 3600_000} {
			if _, err := do(p, "SET", key, "v", "PX", ms); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, func() error {
			if n, err := redis.Int(do(p, "EXISTS", "short")); n != 0 || err != nil {
				return errors.Join(err, errors.New("the key still exists"))
			}
			return nil
		})
		if n, err := redis.Int(do(p, "EXISTS", "long")); n != 1 || err != nil {
			t.Errorf("EXISTS = %d, %v for a key of an hour", n, err)
		}
	})
	t.Run("it does not answer after Close", func(t *testing.T) {
		e, err := redispool.StartEmbedded("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := open(t, redispool.Options{URL: at(e.Addr()), Timeout: patient})
		if err := set(p, "key", "v"); err != nil {
			t.Fatal(err)
		}
		e.Close()
		if err := ping(t.Context(), p); err == nil {
			t.Error("it answers")
		}
	})
}
