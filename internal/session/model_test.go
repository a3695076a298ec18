package session

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"pgregory.net/rapid"

	"smsession/internal/redistest"
)

// model is Redis as far as a commit goes: strings, GET and the scripts.
type model struct {
	keys    map[string]string
	scripts scripts

	// The naive versions.
	anyRecord, anyPointer, noErase, anyEnd, endDeletes, anyDiscard bool
}

func newModel() *model { return &model{keys: map[string]string{}, scripts: newScripts()} }

func (m *model) count(prefix string) (n int) {
	for key := range m.keys {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

// copied is the arguments as they go over the wire: whoever sent them may use their memory again.
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
	case "GET":
		return m.get(a[0]), nil
	case "DEL":
		delete(m.keys, a[0])
		return int64(1), nil
	}
	key, now := a[2], m.keys[a[2]]
	_, exists := m.keys[key]
	switch a[0] {
	case m.scripts.record.Hash():
		if !m.anyRecord && (now != a[3] || !exists && a[3] != "") {
			return m.get(key), nil
		}
		return m.set(key, a[4], true), nil
	case m.scripts.pointer.Hash():
		return m.set(key, a[3], m.anyPointer || !exists || now == a[3] || now == a[4] || len(now) != len(a[3])), nil
	case endScript().Hash():
		switch {
		case now != a[3] && !m.anyEnd || !exists:
			return int64(0), nil
		case m.endDeletes:
			delete(m.keys, key)
			return int64(1), nil
		}
		return m.set(key, a[4], true), nil
	case m.scripts.erase.Hash(), m.scripts.discard.Hash():
		any := m.anyDiscard && a[0] == m.scripts.discard.Hash()
		if exists && (now == a[3] && !m.noErase || any) {
			delete(m.keys, key)
			return int64(1), nil
		}
		return int64(0), nil
	}
	return nil, fmt.Errorf("the model knows no %s %v", command, a)
}

func (m *model) get(key string) any {
	if value, ok := m.keys[key]; ok {
		return []byte(value)
	}
	return nil
}

func (m *model) set(key, value string, may bool) any {
	if !may {
		return int64(0)
	}
	m.keys[key] = value
	return int64(1)
}

// The model is held to the scripts over both kinds of Redis, by random calls on few keys and values.
func TestModelAnswersAsRedisDoes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		rapid.Check(t, func(t *rapid.T) {
			if _, err := conn.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			m := newModel()
			value := rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00\xff"})
			for range rapid.IntRange(1, 20).Draw(t, "calls") {
				script := rapid.SampledFrom([]*redis.Script{m.scripts.record, m.scripts.pointer, m.scripts.erase, m.scripts.discard, endScript()}).Draw(t, "script")
				args := []any{rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key"), value.Draw(t, "first"), value.Draw(t, "second"), 60_000}
				want, err := m.do("EVALSHA", copied(append([]any{script.Hash(), 1}, args...)))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := script.Do(conn, args...); err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%v: Redis says %v, %v, the model %v", args, got, err, want)
				}
				for _, key := range []string{"k", "l"} {
					got, err := redis.String(conn.Do("GET", key))
					if want, ok := m.keys[key]; got != want || ok != (err == nil) {
						t.Fatalf("%s holds %q, %v, in the model %q", key, got, err, want)
					}
				}
			}
		})
	})
}
