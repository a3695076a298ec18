package redispool_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestEmbeddedListensOnTheFirstFreeAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	e, err := redispool.StartEmbedded(taken.Addr().String(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Addr() == taken.Addr().String() {
		t.Errorf("it says that it listens on %s, which is taken", e.Addr())
	}
	if got := net.JoinHostPort("127.0.0.1", e.Port()); got != e.Addr() {
		t.Errorf("the port is %s and the address %s", e.Port(), e.Addr())
	}
	if err := redispool.Ping(t.Context(), open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{e.Addr()}}})); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

func TestEmbeddedPrefersTheFirstAddress(t *testing.T) {
	for range 5 { // somebody else may take the port for a moment
		first := fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t))
		e, err := redispool.StartEmbedded(first, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got := e.Addr()
		e.Close()
		if got == first {
			return
		}
	}
	t.Error("it never listened on the first of two free addresses")
}

func TestEmbeddedSaysWhenNoAddressIsFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if e, err := redispool.StartEmbedded(taken.Addr().String()); err == nil {
		e.Close()
		t.Error("there was no error")
	}
}

func TestKeysOfTheEmbeddedRedisExpireByThemselves(t *testing.T) {
	e, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{e.Addr()}}})
	if _, err := do(p, "SET", "short", "v", "PX", 50); err != nil {
		t.Fatal(err)
	}
	if _, err := do(p, "SET", "long", "v", "PX", 3600_000); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n, err := redis.Int(do(p, "EXISTS", "short"))
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a key of 50 ms is still there after 10 s")
		}
	}
	if n, err := redis.Int(do(p, "EXISTS", "long")); n != 1 || err != nil {
		t.Errorf("EXISTS = %d, %v for a key of an hour", n, err)
	}
}

func TestEmbeddedForgetsEverythingOnClose(t *testing.T) {
	e, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{e.Addr()}}})
	if _, err := do(p, "SET", "key", "v"); err != nil {
		t.Fatal(err)
	}
	e.Close()
	if err := redispool.Ping(t.Context(), p); err == nil {
		t.Error("it answers after Close")
	}
}

func TestPingIsContentWithBothBackends(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}, Database: 3}})
		for range 3 {
			if err := redispool.Ping(t.Context(), p); err != nil {
				t.Errorf("Ping: %v", err)
			}
		}
		if got := p.ActiveCount(); got != 1 {
			t.Errorf("three pings made %d connections, want 1", got)
		}
	})
}
