package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

func TestCounting(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		for n := 2; n <= 5; n++ {
			if again := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n)).cookie; again != cookie {
				t.Fatalf("message %d got the token %q, want %q", n, again, cookie)
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
		if record.Version != 1 || record.Counter != 1 || record.From != from || record.To != to || record.Messages != sid+"=1" {
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
				if a := []*replica{r, other}[i%2].send(sid, ""); a.text != webhooktest.Greeting(2) || a.outcome.Result != session.Repeated {
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
		r.send(sid, cookie).expect(t, webhooktest.Greeting(66)) // 64 messages were counted after it, so it is a new message
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

// atOnce runs f(0) to f(n-1) at the same time and returns what they returned, sorted by the number in it.
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

func TestCookieThatLeadsNowhere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		conn := redistest.Conn(t, b.Addr)
		foreign := r.deliver(session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}, "").cookie
		foreignRecord := get(t, conn, "sms:session:"+foreign)
		own := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		for n, cookie := range map[string]string{
			"of another conversation": foreign,
			"unknown":                 strings.Repeat("A", 43),
			"of 3,000 bytes":          strings.Repeat("A", 3000),
			"of 42 characters":        own[:42],
			"of binary bytes":         "\x00\xff\r" + own[3:],
			"with a glob in it":       "*" + own[1:],
			"empty":                   "",
		} {
			t.Run(n, func(t *testing.T) {
				before := number(r.send(webhooktest.NewSID(), own).text)
				if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(before+1)); a.cookie != own {
					t.Errorf("the reply has the token %q, want %q", a.cookie, own)
				}
			})
		}
		if now := get(t, conn, "sms:session:"+foreign); now != foreignRecord {
			t.Error("the record of the other conversation was changed")
		}
		if all := keys(t, conn); len(all) != 4 {
			t.Errorf("the keys are %v, want two sessions", all)
		}
	})
}

func TestFirstMessageWithAForeignCookie(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		foreign := r.deliver(session.Incoming{Message: messageOf("+12025550199", webhooktest.NewSID())}, "").cookie
		if a := r.send(webhooktest.NewSID(), foreign).expect(t, webhooktest.Greeting(1)); a.cookie == foreign {
			t.Error("the session got the token of another conversation")
		}
	})
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

// faulty answers as the tutorial does, unless the text of a message is "break" or "fail".
type faulty struct{ conversation.Counter }

var errFaulty = errors.New("no answer")

func (f faulty) Respond(ctx context.Context, s conversation.State, m conversation.Message) (conversation.State, conversation.Reply, error) {
	switch m.Body {
	case "break":
		panic("a bug")
	case "fail":
		return conversation.State{Counter: 99}, conversation.Text("half an answer"), errFaulty
	}
	return f.Counter.Respond(ctx, s, m)
}

func TestPanic(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = faulty{}
		r := newReplica(t, o)
		cookie := r.send(webhooktest.NewSID(), "").cookie
		conn := redistest.Conn(t, b.Addr)
		before := get(t, conn, "sms:session:"+cookie)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the caller")
				}
			}()
			r.deliver(session.Incoming{Message: conversation.Message{SID: webhooktest.NewSID(), From: from, To: to, Body: "break"}}, cookie)
		}()
		if now := get(t, conn, "sms:session:"+cookie); now != before {
			t.Errorf("the record became %s", now)
		}
		r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2)) // the conversation is not blocked
	})
}

func TestResponderThatFails(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = faulty{}
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		fail := session.Incoming{Message: conversation.Message{SID: webhooktest.NewSID(), From: from, To: to, Body: "fail"}}
		for _, count := range []int{1, 2} {
			keys, record := keys(t, conn), get(t, conn, "sms:session:"+get(t, conn, pointerKey))
			a := r.deliver(fail, "")
			if !errors.Is(a.outcome.Err, session.ErrResponder) || !errors.Is(a.outcome.Err, errFaulty) || a.outcome.Attempts != 1 {
				t.Errorf("got %v after %d attempts", a.outcome.Err, a.outcome.Attempts)
			}
			if a.status != http.StatusServiceUnavailable || a.cookie != "" || a.outcome.Result != "" {
				t.Errorf("got %d, the cookie %q and the result %q", a.status, a.cookie, a.outcome.Result)
			}
			if now := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); now != record || len(keys) != 2*(count-1) {
				t.Errorf("the keys were %q, and the record became %s", keys, now)
			}
			r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(count))
		}
		fail.Body = "the same message, answered this time"
		r.deliver(fail, "").expect(t, webhooktest.Greeting(3))
	})
}

// notes is a responder that keeps a note in its data, answers in TwiML, and ends the conversation on "bye".
type notes struct{}

func (notes) Respond(_ context.Context, s conversation.State, m conversation.Message) (conversation.State, conversation.Reply, error) {
	before := string(s.Data)
	s.Counter++
	s.Data, s.HasEnded = json.RawMessage(fmt.Sprintf(`{"note":%q}`, m.Body)), m.Body == "bye"
	if m.Body == "large" {
		s.Data = json.RawMessage(`"` + strings.Repeat("x", 32<<10) + `"`)
	}
	return s, conversation.Reply{TwiML: fmt.Sprintf("<Response><!-- %d %s --></Response>", s.Counter, before)}, nil
}

func (notes) Recall(int64) conversation.Reply { return conversation.Reply{} }

func TestResponderWithData(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		o := usual(b.Addr)
		o.Responder = notes{}
		r, conn := newReplica(t, o), redistest.Conn(t, b.Addr)
		say := func(body string) (sid string, a answered) {
			sid = webhooktest.NewSID()
			return sid, r.deliver(session.Incoming{Message: conversation.Message{SID: sid, From: from, To: to, Body: body}}, "")
		}
		record := func() string { return get(t, conn, "sms:session:"+get(t, conn, pointerKey)) }

		_, a := say("one")
		a.expect(t, "<Response><!-- 1  --></Response>")
		sid, a := say("two")
		a.expect(t, `<Response><!-- 2 {"note":"one"} --></Response>`)
		if !strings.Contains(record(), `"app":{"note":"two"}`) {
			t.Errorf("the record is %s", record())
		}
		if _, a := say("large"); !errors.Is(a.outcome.Err, session.ErrResponder) {
			t.Errorf("data of more than 32 KiB: %v", a.outcome.Err)
		}
		r.send(sid, "").expect(t, `<Response><!-- 2 {"note":"one"} --></Response>`) // a repeat

		last, a := say("bye")
		if a.expect(t, `<Response><!-- 3 {"note":"two"} --></Response>`); a.outcome.Result != session.Ended {
			t.Errorf("the result is %q", a.outcome.Result)
		}
		if !strings.Contains(record(), `"counter":0,`) || !strings.Contains(record(), `"ended":"`) || strings.Contains(record(), `"app"`) {
			t.Errorf("the ended record is %s", record())
		}
		r.send(last, "").expect(t, `<Response><!-- 3 {"note":"two"} --></Response>`)
		_, a = say("again")
		if a.expect(t, "<Response><!-- 1  --></Response>"); a.outcome.Result != session.Begun {
			t.Errorf("the result is %q", a.outcome.Result)
		}
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

func TestLostReplies(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		proxy.CutReplies(0.15, 7)
		r := newReplica(t, usual(proxy.Addr()))
		const messages = 60
		texts := atOnce(messages, func(int) string { return r.send(webhooktest.NewSID(), "").text })
		if want := greetings(1, messages); !slices.Equal(texts, want) {
			t.Fatalf("the replies were %q", texts)
		}
		if proxy.Cuts() == 0 {
			t.Error("no reply was lost, so this test shows nothing")
		}
		conn := redistest.Conn(t, b.Addr)
		proxy.CutReplies(0, 0)
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(messages+1))
		token := get(t, conn, pointerKey)
		if record := get(t, conn, "sms:session:"+token); !strings.Contains(record, fmt.Sprintf(`"counter":%d,`, messages+1)) {
			t.Errorf("the record is %s", record)
		}
	})
}

func TestOutageLongerThanTheBudget(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		patient := newReplica(t, usual(proxy.Addr()))
		cookie := patient.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		o := usual(proxy.Addr())
		o.Budget = 300 * time.Millisecond
		r := newReplica(t, o)
		proxy.Down()
		start := time.Now()
		a := r.send(webhooktest.NewSID(), cookie)
		if a.status != http.StatusServiceUnavailable || a.cookie != "" {
			t.Errorf("got %d with the cookie %q", a.status, a.cookie)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %v", took)
		}
		proxy.Up()
		// The other replica has a pause of up to 250 ms before its next attempt, so it could spend its whole budget.
		patient.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(2))
	})
}

func TestForgottenScripts(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, usual(b.Addr))
		cookie := r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1)).cookie
		conn := redistest.Conn(t, b.Addr)
		for n := 2; n <= 4; n++ {
			do(t, conn, "SCRIPT", "FLUSH")
			if a := r.send(webhooktest.NewSID(), cookie).expect(t, webhooktest.Greeting(n)); a.outcome.Attempts != 1 {
				t.Errorf("it took %d attempts", a.outcome.Attempts)
			}
		}
	})
}

func TestRedisstoreOnlyReads(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := newReplica(t, usual(server.Addr()))
	cookie := r.send(webhooktest.NewSID(), "").cookie
	r.send(webhooktest.NewSID(), cookie)
	r.stop(webhooktest.NewSID(), cookie)
	r.send(webhooktest.NewSID(), "")
	conn := redistest.Conn(t, server.Addr())
	stats, err := redis.String(conn.Do("INFO", "commandstats"))
	if err != nil {
		t.Fatal(err)
	}
	// redisstore's Commit sends MULTI, SET and PEXPIREAT, its All sends KEYS, and its Delete sends DEL.
	for _, command := range []string{"multi", "exec", "pexpireat", "keys", "del"} {
		if strings.Contains(stats, "cmdstat_"+command+":") {
			t.Errorf("Redis was sent %s", strings.ToUpper(command))
		}
	}
	if !strings.Contains(stats, "cmdstat_get:") {
		t.Error("Redis was sent no GET, so this test shows nothing")
	}
}

func TestRoundTrips(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	conn := redistest.Conn(t, server.Addr())
	for _, test := range []struct {
		name     string
		replicas []int // which replica gets each message, repeatedly
		want     int64 // the most round trips for 50 messages
	}{
		{"one if a replica gets all messages of a conversation", []int{0}, 50},
		{"two if replicas take turns", []int{0, 1, 2}, 100},
		// The first messages after a change are misses, which cost no round trip.
		{"at most two if the replica changes", []int{0, 0, 0, 0, 1, 1, 1}, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := []*replica{newReplica(t, usual(server.Addr())), newReplica(t, usual(server.Addr())), newReplica(t, usual(server.Addr()))}
			cookie := r[0].send(webhooktest.NewSID(), "").cookie
			for range 3 { // the score is settled, and the connections are open
				for _, i := range test.replicas {
					r[i].send(webhooktest.NewSID(), cookie)
				}
			}
			before := reads(t, conn)
			for n := range 50 {
				r[test.replicas[n%len(test.replicas)]].send(webhooktest.NewSID(), cookie)
			}
			if trips := int64(reads(t, conn)) - int64(before) - 1; trips > test.want || test.want == 50 && trips < 50 {
				t.Errorf("50 messages took %d round trips, want %d", trips, test.want)
			}
		})
	}
}

// reads returns how often Redis has read from the sockets of its clients.
func reads(t *testing.T, conn redis.Conn) (n int) {
	t.Helper()
	info, err := redis.String(conn.Do("INFO", "stats"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "total_reads_processed:")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
