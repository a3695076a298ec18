package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/chaostest/history"
	"smsession/internal/chaostest/nemesis"
	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redistest"
)

// Redis is a Redis of one topology.
type Redis struct {
	Name string

	// Settle is how long after a fault a server may still be the primary that is not.
	Settle time.Duration
	// WaitReplicas is how many replicas must have a change before it is answered.
	WaitReplicas int

	operator inspect.Source
	addrs    []string // host:port of all servers and Sentinels

	servers func() ([]*redistest.Server, error) // those that may have keys
	url     func() string                       // for a replica
	faults  func(*Stage) []nemesis.Fault
}

// operate returns what `smsession end` uses. Its changes wait for some replicas, as those of messages do.
func operate(tb testing.TB, url string, replicas int) inspect.Source {
	tb.Helper()
	parsed, err := redisurl.Parse(url, os.ReadFile)
	if err != nil {
		tb.Fatal(err)
	}
	source := inspect.Open(parsed, "sms:", replicas)
	tb.Cleanup(func() { _ = source.Pool.Close() })
	return source
}

// End ends a conversation, or erases it, as `smsession end` does.
func (r Redis) End(ctx context.Context, to, from string, erase bool) (history.Ending, error) {
	e, err := r.operator.End(ctx, to, from, erase)
	isBefore := e.Outcome == inspect.EndedBefore
	return history.Ending{Found: isBefore || e.Outcome == inspect.WasEnded, Before: isBefore, Count: int(e.Count)}, err
}

// timeout limits the commands of the harness itself. A paused Redis answers none.
const timeout = 2 * time.Second

// do sends one command to a server.
func do(s *redistest.Server, command string, args ...any) (any, error) {
	conn, err := redis.Dial("tcp", s.Addr(), redis.DialConnectTimeout(timeout), redis.DialReadTimeout(timeout))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// Record reads the session of a conversation. It is nil if there is none. An error means that this is not known.
func (r Redis) Record(to, from string) (*history.Record, error) {
	token, ttl, err := r.get("sms:conversation:" + to + ":" + from)
	if err != nil || token == nil {
		return nil, err
	}
	text, other, err := r.get("sms:session:" + string(token))
	if err != nil || text == nil {
		return nil, err
	}
	record, err := parseRecord(text)
	record.TTL, record.LongestTTL = min(ttl, other), max(ttl, other)
	return &record, err
}

// get returns the value of a key and its time to live. The value is nil if there is none.
func (r Redis) get(key string) (value []byte, ttl time.Duration, err error) {
	servers, err := r.servers()
	if err != nil {
		return nil, 0, err
	}
	const script = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}"
	for _, s := range servers {
		reply, failed := redis.Values(do(s, "EVAL", script, 1, key))
		if failed == nil {
			value, _ := reply[0].([]byte)
			return value, time.Duration(reply[1].(int64)) * time.Millisecond, nil
		}
		err = failed // in a Cluster, another server has the key
	}
	return nil, 0, err
}

// deleteTurns deletes the turns of all conversations, if a server with keys answers.
func (r Redis) deleteTurns() {
	const script = "for _, key in ipairs(redis.call('KEYS', 'sms:turn:*')) do redis.call('DEL', key) end"
	servers, _ := r.servers()
	for _, s := range servers {
		_, _ = do(s, "EVAL", script, 0)
	}
}

// parseRecord reads the JSON form of a record, as an operator does with redis-cli.
func parseRecord(text []byte) (r history.Record, err error) {
	var fields struct {
		Counter  int
		Ended    string
		Messages string
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return r, fmt.Errorf("the record is not JSON: %w", err)
	}
	r.Counter, r.HasEnded = fields.Counter, fields.Ended != ""
	newer, older, _ := strings.Cut(fields.Messages, "|") // the oldest message comes after the bar
	for _, entry := range strings.Fields(older + " " + newer) {
		sid, number, _ := strings.Cut(entry, "=")
		n, err := strconv.Atoi(strings.TrimSuffix(number, "+"))
		if err != nil {
			return r, fmt.Errorf("the record has the message %q: %w", entry, err)
		}
		r.Messages = append(r.Messages, history.Message{SID: sid, Number: n})
	}
	return r, nil
}

// Standalone starts one server with an append-only file. fsync is its appendfsync: with "always", a killed server loses
// nothing.
func Standalone(tb testing.TB, fsync string) Redis {
	server := redistest.Start(tb, redistest.Options{AppendOnly: true, Args: []string{"--appendfsync", fsync,
		"--user", user, "on", ">" + firstPassword, "~*", "&*", "+@all"}})
	password := &atomic.Value{}
	password.Store(firstPassword)
	one := []*redistest.Server{server}
	far := redistest.StartProxy(tb, server.Addr())
	far.Impair(redistest.Impairment{Delay: 20 * time.Millisecond}, 0) // messages come between the steps of an end
	operator := operate(tb, "redis://"+far.Addr(), 0)
	return Redis{
		Name: "standalone", operator: operator, addrs: []string{server.Addr()},
		servers: func() ([]*redistest.Server, error) { return one, nil },
		url:     func() string { return fmt.Sprintf("redis://%s:%s@%s", user, password.Load(), server.Addr()) },
		faults:  func(s *Stage) []nemesis.Fault { return standalone{s, server, password}.faults() },
	}
}

const (
	user          = "smsession" // of the replicas; the harness uses the default user
	firstPassword = "password-0"
)
