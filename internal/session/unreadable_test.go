package session_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/session/record"
	"smsession/internal/webhooktest"
)

// begun returns a replica with a conversation of one message, and a connection to its Redis.
func begun(t *testing.T, b *redistest.Backend) (r *replica, conn redis.Conn, cookie string) {
	t.Helper()
	r, conn = newReplica(t, usual(b.Addr)), redistest.Conn(t, b.Addr)
	return r, conn, r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
}

func TestValueThatIsNotARecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name string
			put  []any
		}{
			{"not JSON", []any{"SET", "hello"}},
			{"empty", []any{"SET", ""}},
			{"binary", []any{"SET", "\x00\xff{"}},
			{"JSON of another program", []any{"SET", `{"a":1}`}},
			{"a record that is cut short", []any{"SET", `{"version":1,"counter":`}},
			{"a list in JSON", []any{"SET", `[1]`}},
			{"a hash", []any{"HSET", "a", "1"}},
			{"a list", []any{"RPUSH", "a", "b"}},
			{"a set", []any{"SADD", "a"}},
			{"a sorted set", []any{"ZADD", "7", "a"}},
			{"a stream", []any{"XADD", "*", "a", "b"}},
			{"larger than 256 KiB", []any{"SET", recordOf(from, 1, time.Hour) + strings.Repeat(" ", 256<<10)}},
		} {
			for _, byCookie := range []bool{true, false} {
				t.Run(fmt.Sprintf("a value that is %s, by the cookie: %t", row.name, byCookie), func(t *testing.T) {
					r, conn, token := begun(t, b)
					t.Cleanup(func() { do(t, conn, "FLUSHALL") })
					do(t, conn, "DEL", "sms:session:"+token)
					do(t, conn, row.put[0].(string), append([]any{"sms:session:" + token}, row.put[1:]...)...)
					kind := do(t, conn, "TYPE", "sms:session:"+token)
					cookie := ""
					if byCookie {
						cookie = token
					}
					a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1))
					if a.cookie == token {
						t.Error("the new session has the token of the unreadable record")
					}
					if exists := do(t, conn, "EXISTS", "sms:session:"+token); exists != int64(0) {
						t.Error("the unreadable record is still there")
					}
					kept := "sms:quarantine:{sms:session:" + token + "}"
					if got := do(t, conn, "TYPE", kept); got != kind {
						t.Errorf("the quarantine key has a %s, want the %s", got, kind)
					}
					if row.put[0] == "SET" && get(t, conn, kept) != row.put[1] {
						t.Error("the quarantine key has another string")
					}
					ttl := do(t, conn, "TTL", kept).(int64)
					if week := int64(7 * 24 * 3600); ttl <= week-60 || ttl > week {
						t.Errorf("the quarantine key lives %d s, want 7 days", ttl)
					}
					if r.manager.Quarantined() != 1 {
						t.Errorf("Quarantined = %d, want 1", r.manager.Quarantined())
					}
					r.send(webhooktest.NewSID(), a.cookie).expect(t, webhooktest.Greeting(2))
				})
			}
		}
	})
}

func TestNewerRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		record := strings.Replace(get(t, conn, "sms:session:"+cookie), `"version":1`, `"version":2`, 1)
		record = strings.Replace(record, `"counter":1`, `"counter":{"of":"another kind"}`, 1)
		do(t, conn, "SET", "sms:session:"+cookie, record, "PX", 60_000)
		for _, cookie := range []string{cookie, ""} {
			if a := r.send(webhooktest.NewSID(), cookie); a.status != http.StatusServiceUnavailable ||
				a.outcome.Attempts != 1 {
				t.Errorf("got %d after %d attempts, want 503 at once", a.status, a.outcome.Attempts)
			}
		}
		if now := get(t, conn, "sms:session:"+cookie); now != record {
			t.Errorf("the record became %s", now)
		}
		if ttl := do(t, conn, "PTTL", "sms:session:"+cookie).(int64); ttl > 60_000 {
			t.Error("the record was renewed")
		}
	})
}

func TestForeignNewerRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		token := strings.Repeat("B", 43)
		record := strings.Replace(get(t, conn, "sms:session:"+cookie), `"version":1`, `"version":2`, 1)
		do(t, conn, "SET", "sms:session:"+token, strings.Replace(record, from, "+12025550199", 1))
		r.send(webhooktest.NewSID(), token).expect(t, webhooktest.Greeting(2))
	})
}

// A later version may keep the addresses in other fields. The pointer shows to whom the record belongs.
func TestNewerRecordWithoutAddresses(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, token := begun(t, b)
		const record = `{"version":2,"conversation":{"of":"somebody"}}`
		do(t, conn, "SET", "sms:session:"+token, record)
		for _, cookie := range []string{token, ""} {
			if a := r.send(webhooktest.NewSID(), cookie); a.status != http.StatusServiceUnavailable {
				t.Errorf("got %d %q, want 503", a.status, a.text)
			}
		}
		if get(t, conn, "sms:session:"+token) != record || get(t, conn, pointerKey) != token {
			t.Error("the record or its pointer was touched")
		}
		other := session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}
		r.deliver(other, token).expect(t, webhooktest.Greeting(1)) // the record belongs to another conversation
	})
}

func TestUnknownFields(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		const later = `"mood":{"of":["the \"app\"",null,1.5e3]},"flag":true`
		record := get(t, conn, "sms:session:"+cookie)
		do(t, conn, "SET", "sms:session:"+cookie, "{\n "+later+" , "+record[1:])
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
		r.stop(webhooktest.NewSID(), cookie)
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1))
		if now := get(t, conn, "sms:session:"+cookie); !strings.Contains(now, later) {
			t.Errorf("the record became %s", now)
		}
	})
}

func TestPointerToNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for name, put := range map[string][]any{
			"a token without a record": {"SET", pointerKey, strings.Repeat("C", 43)},
			"not a token":              {"SET", pointerKey, "hello"},
			"empty":                    {"SET", pointerKey, ""},
			"a hash":                   {"HSET", pointerKey, "a", "1"},
			"a list":                   {"RPUSH", pointerKey, "a"},
			"larger than 256 KiB":      {"SET", pointerKey, strings.Repeat("C", 256<<10+1)},
		} {
			t.Run("a new session begins if the pointer is "+name, func(t *testing.T) {
				r, conn := newReplica(t, usual(b.Addr)), redistest.Conn(t, b.Addr)
				t.Cleanup(func() { do(t, conn, "FLUSHALL") })
				do(t, conn, put[0].(string), put[1:]...)
				cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
				if token := get(t, conn, pointerKey); token != cookie {
					t.Errorf("the pointer is %q, the cookie %q", token, cookie)
				}
				r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(2))
			})
		}
	})
}

func TestPointerToAnotherConversation(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, other := begun(t, b)
		record := get(t, conn, "sms:session:"+other)
		d := session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}
		do(t, conn, "SET", "sms:conversation:"+to+":+12025550199", other)
		if a := r.deliver(d, "").expect(t, webhooktest.Greeting(1)); a.cookie == other {
			t.Error("the session of the other conversation was used")
		}
		if get(t, conn, "sms:session:"+other) != record {
			t.Error("the other conversation's record was touched")
		}
	})
}

func TestLostPointer(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		do(t, conn, "DEL", pointerKey)
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(3))
	})
}

// A crash can leave a record of the conversation behind that no pointer leads to.
func TestCookieOfAnOrphan(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		orphan := strings.Repeat("D", 43)
		do(t, conn, "SET", "sms:session:"+orphan,
			strings.Replace(get(t, conn, "sms:session:"+cookie), `"counter":1`, `"counter":7`, 1), "PX", 60_000)
		if a := r.send(webhooktest.NewSID(), orphan).expect(t, webhooktest.Greeting(2)); a.cookie != cookie {
			t.Errorf("the reply has the token %q", a.cookie)
		}
		if exists := do(t, conn, "EXISTS", "sms:session:"+orphan); exists != int64(0) {
			t.Error("the orphan is still there")
		}
	})
}

func TestEscapedAddresses(t *testing.T) {
	for _, row := range []struct{ to, from, key string }{
		{"+15005550006", "+12025550143", "sms:conversation:+15005550006:+12025550143"},
		{"whatsapp:+15005550006", "whatsapp:+1202", "sms:conversation:whatsapp%3A+15005550006:whatsapp%3A+1202"},
		{"a{b}%c", "José", "sms:conversation:a%7Bb%7D%25c:Jos%C3%A9"},
		{"\x00\xff \"\\", "\n=", `sms:conversation:%00%FF%20"\:%0A=`},
	} {
		if key := (record.Keys{Prefix: "sms:"}).Conversation(row.to, row.from); key != row.key {
			t.Errorf("the key is %q, want %q", key, row.key)
		}
	}
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		for _, address := range []string{"whatsapp:+1202", "José", "\x00\xff", "\x00\xfe", `"`, `\`, "%22", "a b=c"} {
			d := session.Incoming{Message: messageOf(address, address+" =\"1")}
			cookie := r.deliver(d, "").expect(t, webhooktest.Greeting(1)).cookie
			r.deliver(d, cookie).expect(t, webhooktest.Greeting(1))
			d.SID = webhooktest.NewSID()
			r.deliver(d, cookie).expect(t, webhooktest.Greeting(2))
		}
	})
}

func TestRecordAfterItsDeadline(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		record := get(t, conn, "sms:session:"+cookie)
		past := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
		record = regexp.MustCompile(`"deadline":"[^"]*"`).ReplaceAllString(record, `"deadline":"`+past+`"`)
		do(t, conn, "SET", "sms:session:"+cookie, record, "PX", 60_000)
		if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1)); a.cookie == cookie {
			t.Error("the session continued after its deadline")
		}
		if get(t, conn, "sms:session:"+cookie) != record {
			t.Error("the old record was touched")
		}
	})
}

// `smsession show` describes such pointers in the same way.
func TestPointerToNothingWithACookie(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for _, row := range []struct {
			name, pointer string
			want          int // the number of the next message, with the cookie of a record
		}{
			{"a conversation begins if the pointer is a token without a record", strings.Repeat("A", 43), 1},
			{"the cookie is used if the pointer is not a token", "hello", 2},
		} {
			t.Run(row.name, func(t *testing.T) {
				r, conn, cookie := begun(t, b)
				t.Cleanup(func() { do(t, conn, "FLUSHALL") })
				do(t, conn, "SET", pointerKey, row.pointer)
				r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(row.want))
			})
		}
	})
}

// A record that can be read must still be readable after it has grown.
func TestRecordOfNearly256KiB(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, conn, cookie := begun(t, b)
		key := "sms:session:" + cookie
		record := strings.TrimSuffix(get(t, conn, key), "}") + `,"later":"`
		record += strings.Repeat("x", 256<<10-10-len(record)) + `"}`
		do(t, conn, "SET", key, record, "PX", 60_000)
		for n := 2; n <= 5; n++ {
			r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
		}
		if n := r.manager.Quarantined(); n != 0 {
			t.Errorf("%d records are in quarantine", n)
		}
	})
}

// Redis must not send the value to the replica, and the replica must need only one attempt.
func TestHugeValue(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	conn := redistest.Conn(t, server.Addr())
	for _, row := range []struct{ name, fill string }{
		{"a string of 5 MB", "return redis.call('SET', KEYS[1], string.rep('x', 5000000))"},
		{"a hash of 200,000 fields", "for i = 1, 200000 do redis.call('HSET', KEYS[1], i, i) end"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newReplica(t, usual(server.Addr()))
			cookie := r.send(webhooktest.NewSID(), "").cookie
			do(t, conn, "EVAL", "redis.call('DEL', KEYS[1]) "+row.fill, 1, "sms:session:"+cookie)
			do(t, conn, "CONFIG", "RESETSTAT")
			if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1)); a.outcome.Attempts != 1 {
				t.Errorf("it took %d attempts", a.outcome.Attempts)
			}
			stats, err := redis.String(conn.Do("INFO", "stats"))
			if err != nil {
				t.Fatal(err)
			}
			var out int
			_, after, _ := strings.Cut(stats, "total_net_output_bytes:")
			if _, _ = fmt.Sscan(after, &out); out > 100_000 {
				t.Errorf("Redis has sent %d bytes for it", out)
			}
			do(t, conn, "FLUSHALL")
		})
	}
}

// The record and its quarantine key must be on the same node, whichever node it is.
func TestQuarantineOnACluster(t *testing.T) {
	c := redistest.StartCluster(t, 3, false, redistest.Options{})
	o := usual("")
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: c.Addrs()}})
	t.Cleanup(func() { _ = pool.Close() }) // also the connections to the nodes
	o.Pool = pool
	r := newReplica(t, o)
	conn := pool.Get()
	defer conn.Close()
	for range 8 { // on different nodes
		cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		do(t, conn, "DEL", "sms:session:"+cookie)
		do(t, conn, "HSET", "sms:session:"+cookie, "a", "1")
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1))
		if kind := do(t, conn, "TYPE", "sms:quarantine:{sms:session:"+cookie+"}"); kind != "hash" {
			t.Errorf("the quarantine key has a %s", kind)
		}
		do(t, conn, "DEL", pointerKey)
	}
}
