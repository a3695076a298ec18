package redispool_test

import (
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

const oneMissing = "too few Redis replicas have the commit: 0 of 1"

func TestWaitReplicas(t *testing.T) {
	t.Parallel()
	pair := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	primary, replica := pair.Primary, pair.Replicas[0]
	p := open(t, redispool.Options{URL: at(primary.Addr()), WaitReplicas: 1, Timeout: patient})
	for _, row := range []struct {
		name string
		run  func(c redis.Conn) error
	}{
		{"a script's reply waits for the replica", func(c redis.Conn) error {
			_, err := c.Do("EVAL", write, 1, "key", "a")
			return err
		}},
		{"the reply of a script whose hash was unknown waits for the replica", func(c redis.Conn) error {
			_, err := redis.NewScript(1, write+" -- unknown").Do(c, "key", "b")
			return err
		}},
		{"the reply of a pipelined script waits for the replica", func(c redis.Conn) error {
			c.Send("EVAL", write, 1, "other", "x")
			c.Send("EVAL", write, 1, "key", "c")
			if err := c.Flush(); err != nil {
				return err
			}
			if _, err := c.Receive(); err != nil {
				return err
			}
			_, err := c.Receive()
			return err
		}},
		{"the reply to a GETEX waits for the replica", func(c redis.Conn) error {
			if _, err := c.Do("SET", "key", "d"); err != nil {
				return err
			}
			_, err := c.Do("GETEX", "key", "PX", 100_000)
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := p.Get()
			defer c.Close()
			replica.Pause()
			if err := row.run(c); err == nil || err.Error() != oneMissing || redispool.Refused(err) {
				t.Errorf("while the replica is paused: %v, want %s", err, oneMissing)
			}
			if c.Err() == nil {
				t.Error("the connection may be used again")
			}
			replica.Resume()
			eventually(t, func() error {
				again := p.Get()
				defer again.Close()
				return row.run(again)
			})
			want := primary.CLI("GET", "key")
			if got := replica.CLI("GET", "key"); got != want {
				t.Errorf("after the reply the replica has %q, the primary %q", got, want)
			}
		})
	}
	for _, paused := range []bool{false, true} {
		t.Run(fmt.Sprintf("replies keep their order while the replica is paused: %v", paused), func(t *testing.T) {
			if paused {
				replica.Pause()
				defer replica.Resume()
			}
			c := p.Get()
			defer c.Close()
			c.Send("SET", "plain", "p")
			c.Send("EVAL", write, 1, "a", "1")
			c.Send("GET", "plain")
			c.Send("EVAL", "return redis.error_reply('MINE all mine')", 1, "a")
			c.Flush()
			c.Send("GET", "a")
			c.Flush()
			for i, want := range []string{"OK", "OK", "p", "MINE all mine", "1"} {
				got, err := redis.String(c.Receive())
				if err != nil {
					got = err.Error()
				}
				if paused && i == 1 {
					want = oneMissing
				}
				if got != want {
					t.Errorf("reply %d is %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestWaitWithoutReplicas(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	p := open(t, redispool.Options{URL: at(s.Addr()), WaitReplicas: 1, Timeout: patient})
	t.Run("a script without arguments except its key does not wait", func(t *testing.T) {
		if _, err := do(p, "EVAL", "return redis.call('GET', KEYS[1])", 1, "key"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a script without keys does not wait", func(t *testing.T) {
		if err := ping(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
	t.Run("a script that writes returns an error", func(t *testing.T) {
		if _, err := do(p, "EVAL", write, 1, "key", "value"); err == nil {
			t.Error("there is no error")
		}
	})
	t.Run("a user without the permission for WAIT is refused", func(t *testing.T) {
		s := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "+eval"}})
		o := redispool.Options{URL: with(at(s.Addr()), app), Timeout: patient}
		if err := ping(t.Context(), open(t, o)); err != nil {
			t.Errorf("without WAIT: %v", err)
		}
		o.WaitReplicas = 1
		if _, err := do(open(t, o), "EVAL", "return 1", 1, "key", "value"); !redispool.Refused(err) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}
