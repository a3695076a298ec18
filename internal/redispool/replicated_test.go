package redispool_test

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

const write = "return redis.call('SET', KEYS[1], ARGV[1])"

// pair is a primary and its replica.
func pair(t *testing.T) (primary, replica *redistest.Server) {
	t.Helper()
	s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	return s.Primary, s.Replicas[0]
}

func TestAScriptIsAnsweredOnceTheReplicaHasItsWrites(t *testing.T) {
	primary, replica := pair(t)
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{primary.Addr()}}, WaitReplicas: 1, Timeout: patient})
	for _, row := range []struct {
		name string
		run  func(c redis.Conn) error
	}{
		{"alone", func(c redis.Conn) error {
			_, err := c.Do("EVAL", write, 1, "key", "a")
			return err
		}},
		{"after its hash was not known", func(c redis.Conn) error {
			_, err := redis.NewScript(1, write+" -- not known").Do(c, "key", "b")
			return err
		}},
		{"in a pipeline", func(c redis.Conn) error {
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
	} {
		t.Run(row.name, func(t *testing.T) {
			c := p.Get()
			defer c.Close()
			replica.Pause()
			err := row.run(c)
			if err == nil || redispool.Refused(err) || !strings.Contains(err.Error(), "0 of 1") {
				t.Errorf("while the replica is stopped: %v, want that 0 of 1 have it", err)
			}
			if redispool.Ping(t.Context(), p) != nil {
				t.Error("Ping waits for replicas")
			}
			replica.Resume()
			if c.Err() == nil {
				t.Error("the connection may be used again")
			}
			eventually(t, func() error {
				again := p.Get()
				defer again.Close()
				return row.run(again)
			})
			before := primary.CLI("GET", "key")
			if got := replica.CLI("GET", "key"); got != before {
				t.Errorf("the answer came, the replica holds %q, the primary %q", got, before)
			}
		})
	}
}

func TestAnswersKeepTheirOrderAroundWAIT(t *testing.T) {
	primary, replica := pair(t)
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{primary.Addr()}}, WaitReplicas: 1, Timeout: patient})
	c := p.Get()
	defer c.Close()
	send := func() {
		c.Send("SET", "plain", "p")
		c.Send("EVAL", write, 1, "a", "1")
		c.Send("GET", "plain")
		c.Send("EVAL", "return redis.error_reply('MINE all mine')", 1, "a")
		c.Flush()
		c.Send("GET", "a")
		c.Flush()
	}
	for _, stopped := range []bool{false, true} {
		if stopped {
			replica.Pause()
		}
		send()
		for i, want := range []string{"OK", "OK", "p", "MINE all mine", "1"} {
			got, err := redis.String(c.Receive())
			if err != nil {
				got = err.Error()
			}
			if stopped && i == 1 {
				want = "too few Redis replicas have the commit: 0 of 1"
			}
			if got != want {
				t.Errorf("answer %d, while the replica is stopped: %v, is %q, want %q", i+1, stopped, got, want)
			}
		}
	}
	replica.Resume()
}

func TestWhoMayNotWaitIsToldAtTheStart(t *testing.T) {
	s := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "+eval"}})
	login := redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{Username: "app", Password: "secret"}}}
	if err := pingInTime(t, open(t, login)); err != nil {
		t.Errorf("Ping where nobody waits: %v", err)
	}
	login.WaitReplicas = 1
	if _, err := do(open(t, login), "EVAL", "return 1", 1, "key", "value"); !redispool.Refused(err) {
		t.Errorf("a script: %v, want a refusal", err)
	}
}

// A script with one key and no other argument only reads.
func TestAScriptThatReadsWaitsForNoReplica(t *testing.T) {
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{redistest.Start(t, redistest.Options{}).Addr()}}, WaitReplicas: 1})
	if _, err := do(p, "EVAL", "return redis.call('GET', KEYS[1])", 1, "key"); err != nil {
		t.Errorf("a read without replicas: %v", err)
	}
	if _, err := do(p, "EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", 1, "key", "value"); err == nil {
		t.Error("a write without replicas was confirmed")
	}
}
