package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// withScore returns a cache with a score.
func withScore(score int64) *cache {
	c := newCache()
	c.score.Store(score)
	return c
}

// recordOf returns a record with one message, which has this MessageSid.
func recordOf(sid string) *record.Record {
	r := record.New(to, from).Begin(time.Now(), time.Hour)
	return r.Answer(conversation.State{Counter: 1}, time.Now(), sid, conversation.Reply{}, recallsNothing)
}

// firstSID returns the first MessageSid in the cached record of a token. It returns "" if there is no such record.
func (c *cache) firstSID(token string) string {
	r := c.get(token)
	if r == nil {
		return ""
	}
	for sid := range r.Messages() {
		return sid
	}
	return "a record without messages"
}

func TestCache(t *testing.T) {
	t.Run("it is bounded in number", func(t *testing.T) {
		c := withScore(maxScore)
		token := func(i int) string { return fmt.Sprint("token ", i) }
		for i := range 3 * cacheSize {
			c.add(token(i), nil, recordOf("first"))
			c.add(token(i), nil, recordOf(fmt.Sprint("SM", i)))
		}
		if n := c.records.Len(); n != cacheSize {
			t.Errorf("it has %d records, want %d", n, cacheSize)
		}
		for i := range 3 * cacheSize {
			want := ""
			if i >= 2*cacheSize {
				want = fmt.Sprint("SM", i)
			}
			if got := c.firstSID(token(i)); got != want {
				t.Fatalf("it has %q for %q, want %q", got, token(i), want)
			}
		}
	})
	t.Run("a record that is too long removes the shorter one before it", func(t *testing.T) {
		c := withScore(maxScore)
		c.add("token", nil, recordOf("SM"))
		c.add("token", nil, recordOf(strings.Repeat("x", maxCachedRecord)))
		if got := c.firstSID("token"); got != "" {
			t.Errorf("it has %d bytes", len(got))
		}
	})
	t.Run("a cached record takes no more memory than its JSON form", func(t *testing.T) {
		long, err := record.Parse([]byte(strings.TrimSuffix(string(recordOf("SM").Bytes()), "}") +
			`,"replies":{"SM":["` + strings.Repeat("x", 200<<10) + `"]}}`))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 { // until the long reply is removed
			long = long.Remember(fmt.Sprint("SM", i), conversation.Reply{}, recallsNothing)
		}
		if b := long.Bytes(); cap(b) > 2*maxCachedRecord || len(b) > maxCachedRecord {
			t.Errorf("a record of %d bytes takes %d", len(b), cap(b))
		}
	})
	t.Run("no place can be found before it has a record", func(t *testing.T) {
		c, r := withScore(maxScore), recordOf("SM")
		added := make(chan struct{})
		go func() {
			defer close(added)
			for range 300_000 {
				c.add("token", nil, r)
			}
		}()
		for isAdded := false; !isAdded; {
			if p := c.find("token"); p != nil && p.Load() == nil {
				t.Fatal("a place is empty")
			}
			select {
			case <-added:
				isAdded = true
			default:
			}
		}
	})
	t.Run("a place that was removed takes no record back", func(t *testing.T) {
		c := withScore(maxScore)
		c.add("token", nil, recordOf("SM"))
		p := c.find("token")
		c.remove("token")
		c.add("token", p, recordOf("SM2"))
		if got := c.firstSID("token"); got != "" {
			t.Errorf("it has %q", got)
		}
	})
	t.Run("a record that could not be saved is removed", func(t *testing.T) {
		c := withScore(maxScore)
		c.add("token", nil, recordOf("SM"))
		c.remove("token")
		if got := c.firstSID("token"); got != "" {
			t.Errorf("it still has %q", got)
		}
	})
}

func TestCacheScore(t *testing.T) {
	for _, row := range []struct {
		name string
		seen string // for each comparison: r if Redis has the cached record, w if it has another one, - if it has none
		want bool
	}{
		{"a new cache is not used", "", false},
		{"it is used after a hit", "r", true},
		{"it is not used after as many misses as hits", "rw", false},
		{"it is used if two of three are hits", "rrwrrwrrw", true},
		{"it is not used if replicas alternate", "wwrwwrwwr", false},
		{"an expired session is a miss", "r-", false},
		{"a few hits outweigh many misses before them", strings.Repeat("w", 1000) + strings.Repeat("r", maxScore+1), true},
		{"a few misses outweigh many hits before them", strings.Repeat("r", 1000) + strings.Repeat("w", maxScore), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, saved := newCache(), recordOf("SM")
			for _, seen := range row.seen {
				c.add("token", nil, saved)
				c.compare("token", map[rune][]byte{'r': saved.Bytes(), 'w': recordOf("another").Bytes()}[seen])
			}
			c.add("token", nil, saved)
			if isUsed := c.get("token") != nil; isUsed != row.want {
				t.Errorf("it is used: %t", isUsed)
			}
		})
	}
}

// A cookie may lead to the record of another conversation. The message is then not committed against the cached record.
func TestForeignCachedRecord(t *testing.T) {
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return canned{record: []byte("no token")}, nil }}
	m := newManager(pool, 1)
	m.cache.add(running, nil, recordAfter(1))
	m.cache.score.Store(1)
	in := incoming("SMa", false)
	in.From = "+19998887777"
	if got := serve(m, in, running); got.outcome.Err != nil {
		t.Error(got.outcome.Err)
	}
	if score := m.cache.score.Load(); score != 1 {
		t.Errorf("the score is %d, want 1 as before", score)
	}
}
