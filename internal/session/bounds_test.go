package session

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/session/record"
)

// slow is a Redis that answers each command after a delay.
type slow struct {
	canned
	delay time.Duration
	sent  *atomic.Int64
}

func (s slow) Do(command string, args ...any) (any, error) {
	if command != "" {
		time.Sleep(s.delay)
	}
	if isOfCommit(command, args) {
		s.sent.Add(1)
	}
	return s.canned.Do(command, args...)
}

func (s slow) Send(string, ...any) error {
	s.sent.Add(1)
	return nil
}

func TestNoCommitAfterTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for delay, want := range map[time.Duration]int64{time.Second: 2, 11 * time.Second: 0} {
			var sent atomic.Int64
			pool := &redis.Pool{Dial: func() (redis.Conn, error) { return slow{canned{}, delay, &sent}, nil }}
			serve(newManager(pool, 1), incoming("SMa", false), "")
			if sent.Load() != want {
				t.Errorf("after a wait of %v %d commands were sent, want %d", delay, sent.Load(), want)
			}
		}
	})
}

func TestBudgetBeginsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			ago  time.Duration
			want int
		}{{9 * time.Second, http.StatusOK}, {11 * time.Second, http.StatusServiceUnavailable}} {
			pool := &redis.Pool{Dial: func() (redis.Conn, error) { return slow{canned{}, 0, new(atomic.Int64)}, nil }}
			in := incoming("SMa", false)
			in.Received = time.Now().Add(-row.ago)
			if got := serve(newManager(pool, 1), in, ""); got.code != row.want {
				t.Errorf("a request whose body took %v got %d, want %d", row.ago, got.code, row.want)
			}
		}
	})
}

func TestErrorAfterTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("nobody listens")
		pool := &redis.Pool{Dial: func() (redis.Conn, error) { return nil, refused }}
		if got := serve(newManager(pool, 1), incoming("SMa", false), ""); got.code != 503 ||
			!errors.Is(got.outcome.Err, refused) {
			t.Errorf("got %d, %v", got.code, got.outcome.Err)
		}
	})
}

func TestShortestExpiry(t *testing.T) {
	var lowest string
	conn := &recording{model: newModel(), note: func(args []string) { lowest = args[6] }}
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return conn, nil }}
	commit := &transaction{manager: newManager(pool, 1), delivery: &delivery{},
		found: snapshot{record: record.New(to, from)}}
	if err := commit.CommitCtx(t.Context(), running, []byte("{}"), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if lowest != "1" {
		t.Errorf("the keys live %s ms, want 1", lowest)
	}
}

// recording is a connection to a model that passes on the arguments of each command.
type recording struct {
	canned
	model *model
	note  func(args []string)
}

func (r *recording) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	r.note(copied(args))
	return r.model.do(command, copied(args))
}

func TestConnectionsLimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		pool := &redis.Pool{
			Dial:      func() (redis.Conn, error) { return redis.Dial("tcp", b.Addr) },
			MaxActive: 3, MaxIdle: 3, // a fourth connection is an error
		}
		defer pool.Close()
		m := newManager(pool, 3)
		m.options.Budget = time.Minute
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				in := incoming("SMa", false)
				in.From = fmt.Sprint("+1202555", 1000+i)
				if got := serve(m, in, ""); got.code != http.StatusOK || got.outcome.Attempts != 1 {
					t.Errorf("got %d after %d attempts: %s", got.code, got.outcome.Attempts, got.text)
				}
			})
		}
		group.Wait()
	})
}

func TestQuarantine(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		pool := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", b.Addr) }}
		defer pool.Close()
		for _, row := range []struct {
			name  string
			put   []any
			read  string
			moves bool
		}{
			{"a string that has not changed since it was read moves", []any{"SET", "?", "broken"}, "broken", true},
			{"an empty string moves", []any{"SET", "?", ""}, "", true},
			{"a string that has changed since it was read stays", []any{"SET", "?", "repaired"}, "broken", false},
			{"a value that has become a string since it was read stays", []any{"SET", "?", "repaired"}, "", false},
			{"a hash moves", []any{"HSET", "?", "a", "b"}, "", true},
			{"a string that is too large moves", []any{"SET", "?", strings.Repeat("x", 256<<10+1)}, "", true},
			{"the largest string stays if another value was read", []any{"SET", "?", strings.Repeat("x", 256<<10)}, "", false},
			{"a missing key stays missing", []any{"DEL", "?"}, "broken", false},
		} {
			t.Run(row.name, func(t *testing.T) {
				key, kept := "sms:session:"+running, "sms:quarantine:{sms:session:"+running+"}"
				row.put[1] = key
				_, err := conn.Do("FLUSHALL")
				_, err2 := conn.Do(row.put[0].(string), row.put[1:]...)
				if err := errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
				m := newManager(pool, 1)
				if err := m.quarantine(t.Context(), &delivery{}, running, []byte(row.read)); err != nil ||
					m.Quarantined() == 1 != row.moves {
					t.Fatalf("%d were moved, %v", m.Quarantined(), err)
				}
				there, _ := redis.Bool(conn.Do("EXISTS", kept))
				left, _ := redis.Bool(conn.Do("EXISTS", key))
				if there != row.moves || left == row.moves && row.put[0] != "DEL" {
					t.Errorf("in quarantine: %t, under its own key: %t", there, left)
				}
			})
		}
	})
}

// cutting is a connection to a model. The given script is executed, but its reply does not arrive within the budget.
type cutting struct {
	gate
	model  *model
	script *redis.Script
	queue  []func() (any, error)
}

func (c *cutting) Send(command string, args ...any) error {
	sent := copied(args)
	c.queue = append(c.queue, func() (any, error) {
		reply, err := c.model.do(command, sent)
		if command == "EVALSHA" && sent[0] == c.script.Hash() {
			time.Sleep(time.Minute)
			c.err, err = errCut, errCut
		}
		return reply, err
	})
	return nil
}

func (c *cutting) Receive() (any, error) {
	next := c.queue[0]
	c.queue = c.queue[1:]
	return next()
}

func (c *cutting) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, c.err
	}
	_ = c.Send(command, args...)
	return c.Receive()
}

func TestSweepAfterAFailure(t *testing.T) {
	for _, row := range []struct {
		name   string
		script *redis.Script
		want   int // keys that are left
	}{
		{"a record without a pointer is deleted", scripts.record, 0},
		{"a record to which the pointer may lead stays", scripts.pointer, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := newModel()
				m := newManager(&redis.Pool{Dial: func() (redis.Conn, error) {
					return &cutting{model: held, script: row.script}, nil
				}}, 1)
				if got := serve(m, incoming("SMa", false), ""); got.code != http.StatusServiceUnavailable ||
					!errors.Is(got.outcome.Err, errCut) {
					t.Fatalf("got %d, %v", got.code, got.outcome.Err)
				}
				m.background.Wait()
				if len(held.keys) != row.want {
					t.Errorf("Redis has %v", held.keys)
				}
			})
		})
	}
}

// On a Cluster, the pointer may be set although the result of the record's script is not known. Another message may
// then be counted in the record before the first message is given up.
func TestSweepKeepsOtherMessages(t *testing.T) {
	for name, row := range map[string]struct {
		sid  string
		want int // keys that are left
	}{
		"a record with the message of another request stays": {"SMb", 1},
		"a record with only the own message is deleted":      {"SMold0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			held := newModel()
			held.keys["sms:session:"+running] = string(recordAfter(1).Bytes())
			pool := &redis.Pool{Dial: func() (redis.Conn, error) {
				return &cutting{model: held, script: scripts.end}, nil
			}}
			if newManager(pool, 1).deleteOrphan(t.Context(), running, row.sid); len(held.keys) != row.want {
				t.Errorf("Redis has %v", held.keys)
			}
		})
	}
}
