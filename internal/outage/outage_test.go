package outage_test

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/outage"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// start starts a Redis whose outages last until the test sends to after.
func start(t *testing.T) (r *outage.Redis, addr string, after chan time.Time) {
	t.Helper()
	embedded, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	after = make(chan time.Time)
	return outage.New(embedded, func(time.Duration) <-chan time.Time { return after }), embedded.Addr(), after
}

func waitUp(t *testing.T, r *outage.Redis) {
	t.Helper()
	webhooktest.Wait(t, "the end of the outage", func() bool { return r.State() == outage.Up })
}

func TestPause(t *testing.T) {
	r, addr, after := start(t)
	defer r.Close()
	c := redistest.Conn(t, addr)
	before := time.Now()
	if err := r.Pause(time.Hour); err != nil || r.State() != outage.Paused {
		t.Fatal(err, r.State())
	}
	if err := errors.Join(r.Pause(time.Hour), r.Restart()); !errors.Is(err, outage.ErrBusy) {
		t.Errorf("a second outage returns %v", err)
	}
	answered := make(chan string, 1)
	go func() {
		answer, _ := redis.String(c.Do("SET", "key", "value"))
		answered <- answer
	}()
	inTime := redistest.Conn(t, addr)
	if _, err := redis.DoWithTimeout(inTime, 50*time.Millisecond, "GET", "key"); err == nil || len(answered) > 0 {
		t.Errorf("Redis answers during the pause: %v", err)
	}
	after <- time.Time{}
	if got := webhooktest.Receive(t, "the answer", answered); got != "OK" {
		t.Errorf("after the pause, Redis answers %q", got)
	}
	waitUp(t, r)
	now := time.Now()
	if got := r.During(before, now); got != outage.Paused {
		t.Errorf("in the meantime, there was %q", got)
	}
	if got := r.During(now.Add(time.Second), now.Add(time.Minute)); got != outage.Up {
		t.Errorf("a second later, there is %q", got)
	}
}

// TestCloseDuringPause fails if a command sleeps until the end of the pause.
func TestCloseDuringPause(t *testing.T) {
	r, addr, _ := start(t)
	if err := r.Pause(time.Hour); err != nil {
		t.Fatal(err)
	}
	c := redistest.Conn(t, addr)
	if err := errors.Join(c.Send("PING"), c.Flush()); err != nil {
		t.Fatal(err)
	}
	webhooktest.Wait(t, "the command to arrive", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return strings.Contains(string(stacks), "server.(*Server).Dispatch")
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.Close()
	}()
	webhooktest.Receive(t, "the end of the pause", closed)
	if answer, err := redis.String(c.Receive()); answer != "PONG" {
		t.Errorf("the command that waited gets %q, %v", answer, err)
	}
}

func TestRestart(t *testing.T) {
	r, addr, after := start(t)
	defer r.Close()
	c := redistest.Conn(t, addr)
	script, err := redis.String(c.Do("SCRIPT", "LOAD", "return 1"))
	if _, setErr := c.Do("SET", "key", "value", "EX", 3600); err != nil || setErr != nil {
		t.Fatal(err, setErr)
	}
	if err := r.Restart(); err != nil || r.State() != outage.Restarting {
		t.Fatal(err, r.State())
	}
	if _, err := c.Do("PING"); err == nil {
		t.Error("the connection is still open")
	}
	if c, err := redis.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("Redis accepts a connection during the restart")
	}
	after <- time.Time{}
	waitUp(t, r)
	c = redistest.Conn(t, addr)
	value, err := redis.String(c.Do("GET", "key"))
	left, ttlErr := redis.Int(c.Do("TTL", "key"))
	if value != "value" || left < 3000 || left > 3600 {
		t.Errorf("the key is %q, %v, and lives for %d s, %v", value, err, left, ttlErr)
	}
	if _, err := c.Do("EVALSHA", script, 0); err == nil {
		t.Error("Redis still has the script")
	}
}

func TestPortIsTaken(t *testing.T) {
	r, addr, after := start(t)
	defer r.Close()
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	after <- time.Time{}
	after <- time.Time{} // Redis tries again
	other.Close()
	close(after)
	waitUp(t, r)
	if answer, err := redis.String(redistest.Conn(t, addr).Do("PING")); answer != "PONG" {
		t.Errorf("Redis answers %q, %v", answer, err)
	}
}

// TestCloseDuringRestart starts Redis again at once, so that its keys can be saved.
func TestCloseDuringRestart(t *testing.T) {
	r, addr, _ := start(t)
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if answer, err := redis.String(redistest.Conn(t, addr).Do("PING")); answer != "PONG" {
		t.Errorf("Redis answers %q, %v", answer, err)
	}
}
