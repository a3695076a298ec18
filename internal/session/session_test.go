package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

func TestCounting(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		for n := 2; n <= 5; n++ {
			a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
			if a.cookie != cookie {
				t.Fatalf("message %d got the token %q, want %q", n, a.cookie, cookie)
			}
		}
		if len(cookie) != 43 {
			t.Errorf("the token is %d characters long, want scs's 43", len(cookie))
		}
	})
}

func TestKeysAndRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		sid := webhooktest.NewSID()
		cookie := r.send(sid, "").cookie
		conn := redistest.Conn(t, b.Addr)
		token := get(t, conn, pointerKey)
		if token != cookie {
			t.Fatalf("the pointer is %q, the cookie %q", token, cookie)
		}
		var record struct {
			Version, Counter         int
			From, To, Messages       string
			Began, Written, Deadline time.Time
		}
		if err := json.Unmarshal([]byte(get(t, conn, "sms:session:"+token)), &record); err != nil {
			t.Fatal(err)
		}
		if record.Version != 1 || record.Counter != 1 || record.From != from || record.To != to ||
			record.Messages != sid+"=1" {
			t.Errorf("the record is %+v", record)
		}
		if got := record.Deadline.Sub(record.Began); got != 720*time.Hour {
			t.Errorf("the deadline is %v after the beginning, want 720h", got)
		}
		if all := keys(t, conn); len(all) != 2 {
			t.Errorf("the keys are %v, want only the record and the pointer", all)
		}
	})
}

func TestRepeat(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r, other := newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr))
		cookie := r.send(webhooktest.NewSID(), "").cookie
		sid := webhooktest.NewSID()
		r.send(sid, cookie).expect(t, webhooktest.Greeting(2))

		r.send(sid, cookie).expect(t, webhooktest.Greeting(2))
		other.send(sid, cookie).expect(t, webhooktest.Greeting(2))
		other.send(sid, "").expect(t, webhooktest.Greeting(2))
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				if a := []*replica{r, other}[i%2].send(sid, ""); a.text != webhooktest.Greeting(2) ||
					a.outcome.Result != session.Repeated {
					t.Errorf("a concurrent repeat got %q, %q", a.text, a.outcome.Result)
				}
			})
		}
		group.Wait()
		for n := 3; n <= 42; n++ {
			r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
		}
		other.send(sid, "").expect(t, webhooktest.Greeting(2))
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(43))
	})
}

func TestRepeatAfter64Messages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		sid := webhooktest.NewSID()
		cookie := r.send(sid, "").expect(t, webhooktest.Greeting(1)).cookie
		for n := 2; n <= 64; n++ {
			r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n))
		}
		r.send(sid, cookie).expect(t, webhooktest.Greeting(1)) // 63 messages were counted after it
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(65))
		// 64 messages were counted after it, so it is a new message
		r.send(sid, cookie).expect(t, webhooktest.Greeting(66))
	})
}

func TestConcurrentFirstMessages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		replicas := []*replica{newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr))}
		for range 20 {
			do(t, conn, "FLUSHALL")
			texts := atOnce(5, func(i int) string { return replicas[i%3].send(webhooktest.NewSID(), "").text })
			if want := greetings(1, 5); !slices.Equal(texts, want) {
				t.Fatalf("the replies were %q", texts)
			}
			if all := keys(t, conn); len(all) != 2 {
				t.Fatalf("the keys are %v, want one session", all)
			}
		}
	})
}

func TestConcurrentMessages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		replicas := []*replica{newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr)), newReplica(t, usual(b.Addr))}
		cookie := replicas[0].send(webhooktest.NewSID(), "").cookie
		texts := atOnce(40, func(i int) string { return replicas[i%3].send(webhooktest.NewSID(), cookie).text })
		if want := greetings(2, 41); !slices.Equal(texts, want) {
			t.Fatalf("the replies were %q", texts)
		}
	})
}

// atOnce runs f(0) to f(n-1) at the same time and returns their results, sorted by the number in each.
func atOnce(n int, f func(i int) string) []string {
	texts := make([]string, n)
	var group sync.WaitGroup
	for i := range texts {
		group.Go(func() { texts[i] = f(i) })
	}
	group.Wait()
	slices.SortFunc(texts, func(a, b string) int { return number(a) - number(b) })
	return texts
}

func greetings(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, webhooktest.Greeting(n))
	}
	return all
}

func number(text string) int {
	if text == webhooktest.Greeting(1) {
		return 1
	}
	n := -1
	_, _ = fmt.Sscanf(text, "Hello, thanks for message number %d", &n)
	return n
}

func TestStop(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		first, stop := webhooktest.NewSID(), webhooktest.NewSID()
		cookie := r.send(first, "").expect(t, webhooktest.Greeting(1)).cookie
		r.stop(stop, cookie).expect(t, "")
		record := get(t, conn, "sms:session:"+cookie)
		if !strings.Contains(record, `"counter":0`) || !strings.Contains(record, `"ended":"`) {
			t.Errorf("the ended record is %s", record)
		}
		r.send(first, cookie).expect(t, webhooktest.Greeting(1)) // a late repeat of an earlier message
		a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(1))
		if a.cookie != cookie || a.outcome.Result != session.Begun {
			t.Errorf("the next message was %q under %q", a.outcome.Result, a.cookie)
		}
		r.stop(stop, cookie).expect(t, "") // a late repeat of STOP does not end the new conversation
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
		if record := get(t, conn, "sms:session:"+cookie); strings.Contains(record, "ended") {
			t.Errorf("the record of the new conversation is %s", record)
		}
	})
}

func TestStopWithoutASession(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		stop := webhooktest.NewSID()
		r.stop(stop, "").expect(t, "")
		cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		r.stop(stop, "").expect(t, "") // the same message at the fallback URL
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
	})
}

func TestHangUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		sid := webhooktest.NewSID()
		r.deliverContext(ctx, session.Incoming{Message: messageOf(from, sid)}, "").expect(t, webhooktest.Greeting(1))
		r.send(sid, "").expect(t, webhooktest.Greeting(1))
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(2))
	})
}
