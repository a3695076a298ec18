package inspect_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// at returns a record in the documented format. Its last message was counted at the time written.
func at(to, from string, version, counter int, written time.Time, more string) string {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	return fmt.Sprintf(`{"version":%d,"counter":%d,"from":%q,"to":%q,"began":%q,"written":%q,"deadline":%q%s,"messages":"SM1=1"}`,
		version, counter, from, to, stamp(written.Add(-time.Hour)), stamp(written), stamp(
			written.Add(24*time.Hour)), more)
}

// tokenOf returns a token for a sender.
func tokenOf(from string) string {
	sum := sha256.Sum256([]byte(from))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// put puts a conversation into Redis that began an hour ago and has been idle for a minute.
func (b bench) put(to, from string, counter int, more string) {
	b.Helper()
	b.do("SET", "sms:conversation:"+to+":"+from, tokenOf(from), "PX", time.Hour.Milliseconds())
	b.do("SET", "sms:session:"+tokenOf(from), at(to, from, 1, counter, time.Now().Add(-time.Minute), more), "PX",
		time.Hour.Milliseconds())
}

func (b bench) source() inspect.Source { return inspect.Source{Pool: b.pool, Keys: keys} }

// list returns the conversations that List finds, sorted by the sender.
func (b bench) list(f inspect.Filter) []inspect.Conversation {
	b.Helper()
	var all []inspect.Conversation
	err := b.source().List(b.Context(), f, "", 0, func(found []inspect.Conversation) error {
		all = append(all, found...)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	slices.SortFunc(all, func(a, b inspect.Conversation) int { return strings.Compare(a.From+a.To, b.From+b.To) })
	return all
}

const other = "+15005550099"

func TestList(t *testing.T) {
	each(t, func(b bench) {
		b.put(to, from, 7, "")
		all := b.list(inspect.Filter{})
		if len(all) != 1 {
			b.Fatalf("got %+v", all)
		}
		c := all[0]
		if c.To != to || c.From != from || c.Count != 7 || c.Ended || c.Opaque || upToMinutes(c.Left) != time.Hour ||
			time.Since(c.Written).Truncate(time.Minute) != time.Minute || c.Written.Sub(c.Began) != time.Hour {
			b.Errorf("got %+v", c)
		}
		if b.left(pointer) != time.Hour {
			b.Error("List renewed the pointer")
		}
	})
}

func TestListWithAFilter(t *testing.T) {
	each(t, func(b bench) {
		b.put(to, "+12", 1, "")
		b.put(to, "+123", 1, "")
		b.put(other, "+124", 1, "")
		b.put("whatsapp%3A"+to, "whatsapp%3A+12", 1, "")
		b.do("SET", "sms:session:"+tokenOf("whatsapp%3A+12"), at("whatsapp:"+to, "whatsapp:+12", 1, 1, time.Now(), ""))
		b.put(to, "*", 1, "")
		b.put(to, "+12025550143", 1, "")
		for _, row := range []struct {
			to, token, want string
			from            []string
		}{
			{"", "", "*/+12/+12025550143/+123/+124/whatsapp:+12", nil},
			{to, "", "*/+12/+12025550143/+123", nil},
			{"", "", "+12", []string{"+12"}},
			{other, "", "+124", nil},
			{"", "", "*", []string{"*"}},
			{"", "", "", []string{"+12?"}},
			{"*", "", "", []string{"*"}},
			{to, "", "+123", []string{"+123"}},
			{to, "", "", []string{"+124"}},
			{"", "", "whatsapp:+12", []string{"whatsapp:+12"}},
			{"whatsapp:" + to, "", "whatsapp:+12", nil},
			{"whatsapp:" + to, "", "", []string{"[a-z]:*"}},
			{"", "", "+12/+124", []string{"+124", "+12", "+12", "+999"}},
			{to, "", "+12/+123", []string{"+124", "+12", "+123"}},
			{"", "", "+12025550143/+124", []string{"+1202•••0143", "+124"}},
			{"+1500•••0006", "", "+12025550143", []string{"+1202•••0143"}},
			{"+1500•••0006", "", "*/+12/+12025550143/+123", nil},
			{"", "", "", []string{"+1202•••014"}},
			{"", tokenOf("+12")[:6], "+12", nil},
			{"", tokenOf("+12"), "+12", nil},
			{to, tokenOf("+124")[:6], "", nil},
			{to, tokenOf("+123")[:6], "", []string{"+12"}},
			{to, tokenOf("+123")[:6], "+123", []string{"+12", "+123"}},
			{"", "*", "", nil},
		} {
			f := inspect.Filter{To: row.to, From: row.from, Token: row.token}
			var got []string
			for _, c := range b.list(f) {
				got = append(got, c.From)
			}
			if strings.Join(got, "/") != row.want {
				b.Errorf("%+v: %q, want %q", f, got, row.want)
			}
		}
	})
}

func TestListLeavesOutWhatIsNotLive(t *testing.T) {
	now := time.Now()
	rows := []struct {
		name string
		set  func(b bench)
	}{
		{"an ended conversation", func(b bench) { b.put(to, from, 0, `,"ended":"`+now.UTC().Format(time.RFC3339)+`"`) }},
		{"a conversation past its deadline", func(b bench) {
			b.put(to, from, 1, "")
			b.do("SET", "sms:session:"+tokenOf(from), at(to, from, 1, 1, now.Add(-25*time.Hour), ""))
		}},
		{"a pointer without a record", func(b bench) { b.put(to, from, 1, ""); b.do("DEL", "sms:session:"+tokenOf(from)) }},
		{"a record without a pointer", func(b bench) { b.put(to, from, 1, ""); b.do("DEL", pointer) }},
		{"a pointer that contains no token", func(b bench) { b.do("SET", pointer, "token"); b.do("SET", "sms:session:token", text) }},
		{"a pointer of another type", func(b bench) { b.do("RPUSH", pointer, token) }},
		{"a record of another type", func(b bench) { b.do("SET", pointer, token); b.do("RPUSH", recordKey, "x") }},
		{"a record that cannot be read", func(b bench) { b.do("SET", pointer, token); b.do("SET", recordKey, "{") }},
		{"the record of another conversation", func(b bench) {
			b.put(to, from, 1, "")
			b.do("SET", "sms:session:"+tokenOf(from), at(to, "+1", 1, 1, now, ""))
		}},
		{"a key of another format", func(b bench) { b.do("SET", "sms:conversation:x", token); b.do("SET", "sms:conversation:a:b:c", token) }},
	}
	for _, row := range rows {
		t.Run(row.name+" is not listed", func(t *testing.T) {
			each(t, func(b bench) {
				row.set(b)
				b.put(to, "+19", 1, "")
				if all := b.list(inspect.Filter{}); len(all) != 1 || all[0].From != "+19" {
					b.Errorf("got %+v", all)
				}
				if one := b.list(both); len(one) != 0 {
					b.Errorf("by both addresses: %+v", one)
				}
			})
		})
	}
}

func TestListIncludesALaterVersion(t *testing.T) {
	each(t, func(b bench) {
		b.put(to, from, 1, "")
		b.do("SET", "sms:session:"+tokenOf(from), at(to, from, 2, 9, time.Now(), ""))
		if all := b.list(inspect.Filter{}); len(all) != 1 || !all[0].Opaque || all[0].Count != 0 ||
			all[0].Left != inspect.Forever {
			b.Errorf("got %+v", all)
		}
	})
}

func TestListEndsAfterAnErrorOfVisit(t *testing.T) {
	each(t, func(b bench) {
		fill(b, b.conn, 500)
		enough := errors.New("enough")
		calls := 0
		err := b.source().List(b.Context(), inspect.Filter{}, "", 0, func([]inspect.Conversation) error {
			calls++
			return enough
		})
		if !errors.Is(err, enough) || calls != 1 {
			b.Errorf("%v after %d calls", err, calls)
		}
		if n := len(b.list(inspect.Filter{})); n != 500 {
			b.Errorf("then %d conversations are found", n)
		}
	})
}

// TestListReturnsARefusal checks that a refusal of Redis does not look like an empty list.
func TestListReturnsARefusal(t *testing.T) {
	for command, granted := range map[string]string{"scan": "get strlen pttl", "get": "scan strlen pttl",
		"strlen": "scan get pttl", "pttl": "scan get strlen"} {
		t.Run("without "+command, func(t *testing.T) {
			rules := []string{"--user", "default", "on", "nopass", "~*", "+@all", "--user", "app", "on", ">secret",
				"~sms:*", "+ping"}
			for _, g := range strings.Fields(granted) {
				rules = append(rules, "+"+g)
			}
			server := redistest.Start(t, redistest.Options{Args: rules})
			conn := redistest.Conn(t, server.Addr())
			fill(t, conn, 1)
			pool := redispool.Open(redispool.Options{
				URL: redisurl.URL{Addrs: []string{server.Addr()}, Redis: app}, Timeout: time.Minute,
			})
			defer pool.Close()
			err := inspect.Source{Pool: pool, Keys: keys}.List(t.Context(), inspect.Filter{}, "", 0,
				func([]inspect.Conversation) error { return nil })
			if err == nil || !strings.Contains(err.Error(), "NOPERM") || !redispool.Refused(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestACluster(t *testing.T) {
	const conversations = 300
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	pool := redispool.Open(redispool.Options{
		URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}, Timeout: time.Minute,
	})
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	for i := range conversations {
		from := fmt.Sprintf("+1202%07d", i)
		for key, value := range map[string]string{"sms:conversation:" + to + ":" + from: tokenOf(from),
			"sms:session:" + tokenOf(from): at(to, from, 1, i, time.Now(), "")} {
			if _, err := conn.Do("SET", key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	source := inspect.Source{Pool: pool, Keys: keys}
	seen := map[string]int64{}
	err := source.List(t.Context(), inspect.Filter{}, "", 0, func(found []inspect.Conversation) error {
		for _, c := range found {
			seen[c.From] = c.Count
		}
		return nil
	})
	if err != nil || len(seen) != conversations || seen["+12020000299"] != 299 {
		t.Errorf("%d conversations, %v", len(seen), err)
	}
	one, err := source.Find(t.Context(), inspect.Filter{From: []string{"+12020000007"}})
	if err != nil || len(one) != 1 || one[0].Record.Text == nil {
		t.Errorf("Find: %+v, %v", one, err)
	}
	if e, err := source.End(t.Context(), to, "+12020000007", false); err != nil || e.Outcome != inspect.WasEnded ||
		e.Count != 7 {
		t.Errorf("End: %+v, %v", e, err)
	}
	if e, err := source.End(t.Context(), to, "+12020000008", true); err != nil || e.Outcome != inspect.Erased {
		t.Errorf("Erase: %+v, %v", e, err)
	}
	none, err := source.Find(t.Context(), inspect.Filter{From: []string{"+12020000008"}})
	if !errors.Is(err, inspect.ErrUnknown) || len(none) != 0 {
		t.Errorf("Find: %+v, %v", none, err)
	}
}

// TestListUsesBoundedMemory lists 20,000 conversations. Each must be found once, with SCAN and not with KEYS. The
// memory in use must not grow with their number.
func TestListUsesBoundedMemory(t *testing.T) {
	const conversations = 20_000
	server := redistest.Start(t, redistest.Options{})
	fill(t, redistest.Conn(t, server.Addr()), conversations)
	pool := redispool.Open(redispool.Options{
		URL: redisurl.URL{Addrs: []string{server.Addr()}}, Timeout: time.Minute,
	})
	defer pool.Close()
	seen := make([]byte, conversations) // allocated before the measurement
	grown := func(n int) (grown int64) {
		clear(seen)
		before, found := live(), 0
		err := inspect.Source{Pool: pool, Keys: keys}.List(t.Context(), inspect.Filter{}, "", 0,
			func(some []inspect.Conversation) error {
				for _, c := range some {
					var number int
					fmt.Sscanf(c.From, "+1202%07d", &number)
					seen[number]++
				}
				if found/2000 != (found+len(some))/2000 {
					grown = max(grown, live()-before)
				}
				if found += len(some); found >= n {
					return redis.ErrNil
				}
				return nil
			})
		if n > conversations && err != nil {
			t.Fatal(err)
		}
		return grown
	}
	few, all := grown(conversations/2), grown(conversations+1)
	for number, times := range seen {
		if times != 1 {
			t.Fatalf("conversation %d was found %d times", number, times)
		}
	}
	// The bound is enough for a page of conversations and the remembered keys.
	const bound = 2 << 20
	if all > bound || all > few+512<<10 {
		t.Errorf("%d KB are in use after 10,000 conversations and %d KB after 20,000", few>>10, all>>10)
	}
	stats := server.CLI("INFO", "commandstats")
	if !strings.Contains(stats, "cmdstat_scan:") || strings.Contains(stats, "cmdstat_keys:") {
		t.Errorf("the commands of Redis are %s", stats)
	}
	t.Logf("%d KB are in use after 10,000 conversations, %d KB after 20,000", few>>10, all>>10)
}

// repeating is a Redis whose SCAN returns every key twice.
type repeating struct{ redis.Conn }

func (c repeating) Do(command string, args ...any) (any, error) {
	reply, err := c.Conn.Do(command, args...)
	if page, ok := reply.([]any); ok && command == "SCAN" {
		keys := page[1].([]any)
		page[1] = append(keys, keys...)
	}
	return reply, err
}

func TestListWithRepeatsOfScan(t *testing.T) {
	each(t, func(b bench) {
		fill(b, b.conn, 300)
		pool := &redispool.Pool{Pool: &redis.Pool{DialContext: func(ctx context.Context) (redis.Conn, error) {
			conn, err := redis.DialContext(ctx, "tcp", b.addr)
			return repeating{conn}, err
		}}}
		defer pool.Close()
		n := 0
		err := inspect.Source{Pool: pool, Keys: keys}.List(b.Context(), inspect.Filter{}, "", 0,
			func(found []inspect.Conversation) error {
				n += len(found)
				return nil
			})
		if err != nil || n != 300 {
			b.Errorf("%d of 300 conversations are listed, %v", n, err)
		}
	})
}

// app is the login of the user app.
var app = redisurl.Login{Username: "app", Password: "secret"}
