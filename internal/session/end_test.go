package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/session/record"
	"smsession/internal/webhooktest"
)

var smsKeys = record.Keys{Prefix: "sms:"}

func TestEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		first, second := webhooktest.NewSID(), webhooktest.NewSID()
		cookie := r.send(first, "").cookie
		r.send(second, cookie).expect(t, webhooktest.Greeting(2))
		do(t, conn, "PEXPIRE", "sms:session:"+cookie, time.Hour.Milliseconds())

		before, found, err := session.End(t.Context(), r.pool, smsKeys, to, from)
		if err != nil || !found || before.Counter != 2 || !before.Ended.IsZero() {
			t.Fatalf("got %+v, %t, %v", before, found, err)
		}
		if ended := get(t, conn, "sms:session:"+cookie); !strings.Contains(ended, `"counter":0,`) ||
			!strings.Contains(ended, `"ended":"20`) {
			t.Errorf("the record is %s", ended)
		}
		if left := do(t, conn, "PTTL", "sms:session:"+cookie).(int64); left <= 0 || left > time.Hour.Milliseconds() {
			t.Errorf("the record lives %d ms, want an hour at most", left)
		}
		if token := get(t, conn, pointerKey); token != cookie {
			t.Errorf("the pointer is %q", token)
		}
		if again, found, err := session.End(t.Context(), r.pool, smsKeys, to, from); err != nil || !found ||
			again.Ended.IsZero() {
			t.Errorf("ended again: %+v, %t, %v", again, found, err)
		}
		r.send(second, cookie).expect(t, webhooktest.Greeting(2))
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1))
		r.send(first, "").expect(t, webhooktest.Greeting(1))
		if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2)); a.cookie != cookie {
			t.Errorf("the conversation continues with the token %q", a.cookie)
		}
	})
}

func TestErase(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		sid := webhooktest.NewSID()
		cookie := r.send(sid, "").cookie
		do(t, conn, "SET", "sms:quarantine:{sms:session:"+cookie+"}", "{")
		found, err := session.Erase(t.Context(), r.pool, smsKeys, to, from)
		if left := keys(t, conn); err != nil || !found || len(left) != 0 {
			t.Fatalf("%t, %v: %v is left", found, err, left)
		}
		if found, err := session.Erase(t.Context(), r.pool, smsKeys, to, from); err != nil || found {
			t.Errorf("erased again: %t, %v", found, err)
		}
		r.send(sid, cookie).expect(t, webhooktest.Greeting(1)) // a late repeat is counted again
	})
}

// nothingToEnd are pointers and records without a conversation that End could end.
var nothingToEnd = []struct {
	name          string
	pointer       string
	record        string
	newer, erased bool // ErrNewer; Erase deletes the record
}{
	{name: "there is no conversation"},
	{name: "a pointer to nothing", pointer: strings.Repeat("a", 43)},
	{name: "a pointer that is not a token", pointer: "token"},
	{name: "a record that is not JSON", pointer: strings.Repeat("a", 43), record: "{", erased: true},
	{name: "the record of another conversation", pointer: strings.Repeat("a", 43), record: recordOf("+12025550144", 1, time.Hour)},
	{name: "a record past its deadline", pointer: strings.Repeat("a", 43), record: recordOf(from, 1, -time.Hour), erased: true},
	{name: "a record that is too large", pointer: strings.Repeat("a", 43), record: recordOf(from, 1, time.Hour) + strings.Repeat(" ", 256<<10), erased: true},
	{name: "a pointer that is too large", pointer: strings.Repeat("a", 256<<10+1)},
	{name: "a record of a later version", pointer: strings.Repeat("a", 43), record: recordOf(from, 2, time.Hour), newer: true},
}

// recordOf returns a record in the documented form.
func recordOf(from string, version int, left time.Duration) string {
	now := time.Now().UTC()
	return fmt.Sprintf(`{"version":%d,"counter":1,"from":%q,"to":%q,"began":%q,"written":%q,"deadline":%q,"messages":"SM1=1"}`,
		version, from, to, now.Format(time.RFC3339), now.Format(time.RFC3339), now.Add(left).Format(time.RFC3339))
}

func putKeys(t *testing.T, conn redis.Conn, pointer, record string) {
	t.Helper()
	do(t, conn, "FLUSHALL")
	if pointer != "" {
		do(t, conn, "SET", pointerKey, pointer)
	}
	if record != "" {
		do(t, conn, "SET", "sms:session:"+pointer, record)
	}
}

func TestEndWithoutAConversation(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		pool, conn := newReplica(t, usual(b.Addr)).pool, redistest.Conn(t, b.Addr)
		for _, row := range nothingToEnd {
			t.Run(row.name, func(t *testing.T) {
				putKeys(t, conn, row.pointer, row.record)
				before, found, err := session.End(t.Context(), pool, smsKeys, to, from)
				if found || errors.Is(err, session.ErrNewer) != row.newer || !row.newer && err != nil {
					t.Errorf("got %+v, %t, %v", before, found, err)
				}
				if get(t, conn, pointerKey) != row.pointer || get(t, conn, "sms:session:"+row.pointer) != row.record {
					t.Error("something was changed")
				}
			})
		}
	})
}

func TestEraseWithoutAConversation(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		pool, conn := newReplica(t, usual(b.Addr)).pool, redistest.Conn(t, b.Addr)
		for _, row := range nothingToEnd {
			t.Run(row.name, func(t *testing.T) {
				putKeys(t, conn, row.pointer, row.record)
				found, err := session.Erase(t.Context(), pool, smsKeys, to, from)
				if found != (row.pointer != "" && !row.newer) || errors.Is(err, session.ErrNewer) != row.newer ||
					!row.newer && err != nil {
					t.Errorf("got %t, %v", found, err)
				}
				record := get(t, conn, "sms:session:"+row.pointer)
				if row.erased && record != "" || !row.erased && record != row.record {
					t.Errorf("the record is %q", record)
				}
				if pointer := get(t, conn, pointerKey); pointer != "" && !row.newer {
					t.Errorf("the pointer is %q", pointer)
				}
			})
		}
		for _, keys := range []struct{ name, key string }{
			{"pointer", pointerKey}, {"record", "sms:session:" + strings.Repeat("a", 43)},
		} {
			t.Run("but a "+keys.name+" of another type is deleted", func(t *testing.T) {
				putKeys(t, conn, strings.Repeat("a", 43), recordOf(from, 1, time.Hour))
				do(t, conn, "DEL", keys.key)
				do(t, conn, "RPUSH", keys.key, "x")
				if before, found, err := session.End(t.Context(), pool, smsKeys, to, from); found || err != nil {
					t.Errorf("End: %+v, %t, %v", before, found, err)
				}
				if found, err := session.Erase(t.Context(), pool, smsKeys, to, from); !found || err != nil {
					t.Errorf("Erase: %t, %v", found, err)
				}
				if left := do(t, conn, "EXISTS", pointerKey, keys.key); left != int64(0) {
					t.Errorf("%d keys are left", left)
				}
			})
		}
	})
}

// An ended record keeps the fields of other versions and the stored replies.
func TestEndKeepsUnknownFields(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		token := strings.Repeat("a", 43)
		record := strings.TrimSuffix(recordOf(from, 1, time.Hour), "}")
		record = strings.Replace(record, "SM1=1", "SM1=1+", 1) + `,"replies":{"SM1":["Bye for now."]},"mood":"good"}`
		putKeys(t, conn, token, record)
		do(t, conn, "PEXPIRE", "sms:session:"+token, 60_000)
		if _, _, err := session.End(t.Context(), r.pool, smsKeys, to, from); err != nil {
			t.Fatal(err)
		}
		if ended := get(t, conn, "sms:session:"+token); !strings.Contains(ended, `"mood":"good"`) {
			t.Errorf("the record is %s", ended)
		}
		r.send("SM1", token).expect(t, "Bye for now.")
	})
}

func TestEndAfterCancellation(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		cookie := r.send(webhooktest.NewSID(), "").cookie
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if before, found, err := session.End(over, r.pool, smsKeys, to, from); found ||
			!errors.Is(err, context.Canceled) {
			t.Errorf("End: %+v, %t, %v", before, found, err)
		}
		if found, err := session.Erase(over, r.pool, smsKeys, to, from); found || !errors.Is(err, context.Canceled) {
			t.Errorf("Erase: %t, %v", found, err)
		}
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
	})
}

// With the real scripts, a conversation begins once for each time that it was ended.
func TestEndsDuringMessages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, other := newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr))
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			ended := 0
			for {
				select {
				case <-stop:
					done <- ended
					return
				default:
				}
				before, found, err := session.End(t.Context(), r.pool, smsKeys, to, from)
				if err != nil {
					t.Error(err)
				}
				if found && before.Ended.IsZero() {
					ended++
				}
			}
		}()
		begun := 0
		for range 25 {
			for _, text := range atOnce(8,
				func(i int) string { return []*replica{r, other}[i%2].send(webhooktest.NewSID(), "").text }) {
				if text == webhooktest.Greeting(1) {
					begun++
				}
			}
		}
		close(stop)
		if ended := <-done; begun != ended && begun != ended+1 {
			t.Errorf("%d conversations began, and %d were ended", begun, ended)
		}
	})
}
