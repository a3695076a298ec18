package session

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// ledger is an app that counts its calls itself, as an app with a session of its own does.
type ledger struct {
	begun   chan string // gets the MessageSid of each call, unless it is nil
	answers chan error  // each call waits for its error, unless it is nil
	pause   time.Duration

	mu     sync.Mutex
	calls  []string // `MessageSid/attempt/counter before`
	atOnce int
	most   int // calls at once
}

func (l *ledger) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	n := l.enter(fmt.Sprintf("%s/%d/%d", m.SID, m.Attempt, s.Counter))
	defer l.leave()
	if l.begun != nil {
		l.begun <- m.SID
	}
	time.Sleep(l.pause)
	var err error
	if l.answers != nil {
		select {
		case err = <-l.answers:
		case <-ctx.Done():
			err = conversation.Fault("timeout")
		}
	}
	s.Counter++
	s.Data = json.RawMessage(fmt.Sprintf(`{"calls":%d}`, n))
	return s, conversation.Text(fmt.Sprint("call ", n)), err
}

func (l *ledger) Recall(int64) conversation.Reply { return conversation.Reply{} }

func (l *ledger) enter(call string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atOnce++
	l.most = max(l.most, l.atOnce)
	l.calls = append(l.calls, call)
	return len(l.calls)
}

func (l *ledger) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atOnce--
}

// all returns the calls so far.
func (l *ledger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *ledger) expect(t *testing.T, calls ...string) {
	t.Helper()
	if got := l.all(); !slices.Equal(got, calls) {
		t.Errorf("the calls were %q, want %q", got, calls)
	}
}

// withApp returns a Manager whose responder calls an app.
func withApp(pool *redis.Pool, app conversation.Responder) *Manager {
	m := newManager(pool, 8)
	m.options.Responder, m.options.CallTimeout = app, 8*time.Second
	return m
}

// send delivers a message in the background.
func send(m *Manager, in Incoming, cookie string) <-chan *Outcome {
	return sendContext(context.Background(), m, in, cookie)
}

func sendContext(ctx context.Context, m *Manager, in Incoming, cookie string) <-chan *Outcome {
	done := make(chan *Outcome, 1)
	go func() { done <- m.enqueue(ctx, in, cookie) }()
	return done
}

// shared is a Redis of several Managers. Its turns expire by the clock.
type shared struct {
	mu    sync.Mutex
	model *model
	down  bool // all commands fail

	refuses bool // no connection can be opened
}

func newShared() *shared {
	model := newModel()
	model.ends = map[string]time.Time{}
	return &shared{model: model}
}

func (s *shared) pool() *redis.Pool {
	return &redis.Pool{Dial: func() (redis.Conn, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refuses {
			return nil, errCut
		}
		return &sharedConn{shared: s}, nil
	}}
}

func (s *shared) run(command string, args []string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errCut
	}
	return s.model.do(command, args)
}

// set sets a key that does not expire.
func (s *shared) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model.keys[key] = value
	delete(s.model.ends, key)
}

func (s *shared) get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model.keys[key]
}

func (s *shared) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *shared) setRefuses(refuses bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
}

// queued is a command that was sent.
type queued struct {
	command string
	args    []string
}

// sharedConn is a connection to a shared Redis.
type sharedConn struct {
	gate
	*shared
	queue []queued
}

func (c *sharedConn) Send(command string, args ...any) error {
	c.queue = append(c.queue, queued{command, copied(args)})
	return nil
}

func (c *sharedConn) Receive() (any, error) {
	next := c.queue[0]
	c.queue = c.queue[1:]
	reply, err := c.run(next.command, next.args)
	if err == errCut {
		c.err = err
	}
	return reply, err
}

func (c *sharedConn) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	_ = c.Send(command, args...)
	return c.Receive()
}

// tricked is a connection that lies about the replies to scripts, so that a Manager makes a mistake.
type tricked struct {
	redis.Conn
	sent [][]any
	lie  func(args []any, reply any) any // args begins with the hash of the script
}

// trick makes all connections of a pool lie.
func trick(pool *redis.Pool, lie func(args []any, reply any) any) *redis.Pool {
	return &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) {
		conn, err := pool.Dial()
		return &tricked{Conn: conn, lie: lie}, err
	}}
}

func (c *tricked) Send(command string, args ...any) error {
	c.sent = append(c.sent, args)
	return c.Conn.Send(command, args...)
}

func (c *tricked) Receive() (any, error) {
	reply, err := c.Conn.Receive()
	args := c.sent[0]
	if c.sent = c.sent[1:]; err == nil {
		reply = c.lie(args, reply)
	}
	return reply, err
}

func (c *tricked) Do(command string, args ...any) (any, error) {
	reply, err := c.Conn.Do(command, args...)
	if err == nil && command == "EVALSHA" {
		reply = c.lie(args, reply)
	}
	return reply, err
}
