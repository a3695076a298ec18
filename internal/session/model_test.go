package session

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"pgregory.net/rapid"

	"smsession/internal/redispool/node"
	"smsession/internal/redistest"
	"smsession/internal/session/record"
)

// aHash represents a value that is not a string.
const aHash = "a hash"

// model is a model of Redis with strings and the scripts.
type model struct {
	keys map[string]string
	ends map[string]time.Time // when turns expire; nil if they do not

	// Each of these makes one script naive.
	anyRecord, anyRevision, anyPointer, blindPointer, anyKnown, noErase bool
	anyEnd, endDeletes, anyDiscard, anyTurn, anyRenewal                 bool
}

func newModel() *model { return &model{keys: map[string]string{}} }

func (m *model) count(prefix string) (n int) {
	for key := range m.keys {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

// copied returns the arguments as text, because the sender may change its memory later.
func copied(args []any) []string {
	a := make([]string, len(args))
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			arg = string(b)
		}
		a[i] = fmt.Sprint(arg)
	}
	return a
}

func (m *model) do(command string, a []string) (any, error) {
	switch command {
	case "DEL":
		delete(m.keys, a[0])
		return int64(1), nil
	case "GETEX":
		if m.blindPointer {
			return []byte(running), nil
		}
		return m.getAny(a[0])
	}
	key := a[2]
	if end, hasEnd := m.ends[key]; hasEnd && !time.Now().Before(end) {
		delete(m.keys, key)
		delete(m.ends, key)
	}
	now, exists := m.keys[key]
	unreadable := now == aHash || len(now) > record.MaxSize
	switch a[0] {
	case scripts.find.Hash():
		if len(a) > 3 && (m.isUnchanged(now, a[3], a[5]) || m.anyKnown) {
			return int64(1), nil
		}
		return m.get(key)
	case scripts.record.Hash():
		switch {
		case !m.anyRecord && !m.isUnchanged(now, a[3], a[5]):
			return m.get(key)
		case len(a) == 7:
			return int64(1), nil
		}
		return m.set(key, changed(now, a[7:]), true), nil
	case scripts.pointer.Hash():
		return m.set(key, a[3], m.anyPointer || !exists || now == a[3] || now == a[4] || len(now) != len(a[3]) ||
			now == aHash), nil
	case scripts.end.Hash():
		switch {
		case now != a[3] && !m.anyEnd || !exists || unreadable:
			return int64(0), nil
		case m.endDeletes:
			delete(m.keys, key)
			return int64(1), nil
		}
		return m.set(key, a[4], true), nil
	case scripts.discard.Hash():
		if exists && !m.noErase && (now == a[3] || unreadable || m.anyDiscard) {
			delete(m.keys, key)
			return int64(1), nil
		}
		return int64(0), nil
	case scripts.quarantine.Hash():
		if exists && (now == a[4] || unreadable) {
			m.keys[a[3]] = now
			delete(m.keys, key)
			return int64(1), nil
		}
		return int64(0), nil
	case scripts.turn.Hash():
		return m.setFor(a[4], key, a[3], !exists || now == a[3] && !unreadable || m.anyTurn), nil
	case scripts.renew.Hash():
		return m.setFor(a[4], key, a[3], exists && now == a[3] && !unreadable || m.anyRenewal), nil
	}
	return nil, fmt.Errorf("the model does not know %s %v", command, a)
}

func (m *model) isUnchanged(now, front, length string) bool {
	return now != aHash && strconv.Itoa(len(now)) == length && (m.anyRevision || strings.HasPrefix(now, front))
}

// changed returns the value after its changes: the new value, or offsets, each with the text that is written there.
func changed(value string, changes []string) string {
	if len(changes) == 1 {
		return changes[0]
	}
	for ; len(changes) > 0; changes = changes[2:] {
		offset, _ := strconv.Atoi(changes[0])
		value = value[:offset] + changes[1] + value[min(offset+len(changes[1]), len(value)):]
	}
	return value
}

const errWrongType = redis.Error("WRONGTYPE Operation against a key holding the wrong kind of value")

// get returns a value as the script find does.
func (m *model) get(key string) (any, error) {
	if size := len(m.keys[key]); size > record.MaxSize {
		return int64(size), nil
	}
	return m.getAny(key)
}

func (m *model) getAny(key string) (any, error) {
	value, exists := m.keys[key]
	switch {
	case !exists:
		return nil, nil
	case value == aHash:
		return nil, errWrongType
	}
	return []byte(value), nil
}

func (m *model) set(key, value string, may bool) any {
	if !may {
		return int64(0)
	}
	m.keys[key] = value
	return int64(1)
}

// setFor is like set, and the key expires after the given milliseconds.
func (m *model) setFor(milliseconds, key, value string, may bool) any {
	if ms, err := strconv.Atoi(milliseconds); may && m.ends != nil && err == nil {
		m.ends[key] = time.Now().Add(time.Duration(ms) * time.Millisecond)
	}
	return m.set(key, value, may)
}

// TestModel compares the model with the scripts, by random calls with few keys and values.
func TestModel(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		rapid.Check(t, func(t *rapid.T) {
			if _, err := conn.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			m := newModel()
			large := strings.Repeat("x", record.MaxSize+1)
			for _, key := range []string{"k", "l"} {
				switch rapid.SampledFrom([]string{"", "", "hash", "large", "largest"}).Draw(t, "content") {
				case "hash":
					m.keys[key] = aHash
					_, _ = conn.Do("HSET", key, "a", "b")
				case "large":
					m.keys[key] = large
					_, _ = conn.Do("SET", key, large)
				case "largest":
					m.keys[key] = large[1:]
					_, _ = conn.Do("SET", key, large[1:])
				}
			}
			value := rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00\xff", large[1:]})
			key := rapid.SampledFrom([]string{"k", "l"})
			for range rapid.IntRange(1, 20).Draw(t, "calls") {
				one := rapid.SampledFrom([]*redis.Script{scripts.find, scripts.record, scripts.pointer, scripts.end,
					scripts.discard, scripts.quarantine, scripts.turn, scripts.renew}).Draw(t, "script")
				args, keys := []any{key.Draw(t, "key"), value.Draw(t, "first"), value.Draw(t, "second"), 60_000}, 1
				if one == scripts.quarantine {
					args, keys = []any{args[0], map[any]string{"k": "l", "l": "k"}[args[0]], args[1], 60_000}, 2
				}
				if one == scripts.turn || one == scripts.renew {
					args = []any{args[0], args[1], 60_000}
				}
				if one == scripts.record || one == scripts.find {
					read := value.Draw(t, "read")
					front, length := read[:min(len(read), rapid.IntRange(1, 2).Draw(t, "front"))], len(read)
					if front != "" {
						length += rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "change of the length")
					}
					args = []any{args[0], front, len(front) - 1, length, 60_000}
					switch changes := rapid.IntRange(0, 2).Draw(t, "changes"); {
					case changes == 1:
						args = append(args, value.Draw(t, "new value"))
					case changes == 2 && length > 0: // a value never becomes longer by changes
						args = append(args, 0, "xy"[:min(2, length)], length-1, "z")
					}
				}
				if one == scripts.find {
					args = args[:rapid.SampledFrom([]int{1, 4}).Draw(t, "arguments of find")]
				}
				command, sent := "EVALSHA", append([]any{one.Hash(), keys}, args...)
				if rapid.IntRange(0, 8).Draw(t, "GETEX") == 0 {
					command, sent = "GETEX", []any{args[0], "PX", 60_000}
				} else if err := one.Load(conn); err != nil {
					t.Fatal(err)
				}
				want, wrong := m.do(command, copied(sent))
				got, err := conn.Do(command, sent...)
				if err == nil && !reflect.DeepEqual(got, want) || (node.Code(err) == "WRONGTYPE") != (wrong != nil) ||
					err != nil && wrong == nil {
					t.Fatalf("%.60q: Redis returns %.60q, %v, and the model %.60q, %v", args, got, err, want, wrong)
				}
				for _, key := range []string{"k", "l"} {
					kind, _ := redis.String(conn.Do("TYPE", key))
					got, _ := redis.String(conn.Do("GET", key))
					want, ok := m.keys[key]
					if kind == "hash" && want != aHash || kind == "string" && got != want || kind == "none" && ok {
						t.Fatalf("%s is the %s %.60q, in the model %.60q", key, kind, got, want)
					}
				}
			}
		})
	})
}
