package session_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

// limited returns the usual options with a limit.
func limited(addr string, limit int) session.Options {
	o := usual(addr)
	o.MaxReplies = limit
	return o
}

func TestMaxReplies(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		replicas := []*replica{newReplica(t, limited(b.Addr, 3)), newReplica(t, limited(b.Addr, 3))}
		sids := make([]string, 7)
		for i := range sids {
			sids[i] = webhooktest.NewSID()
			a := replicas[i%2].send(sids[i], "")
			if i < 3 {
				a.expect(t, webhooktest.Greeting(i+1))
			} else if a.expect(t, ""); a.outcome.Result != session.Guarded {
				t.Errorf("message %d was %s", i+1, a.outcome.Result)
			}
		}
		open := newReplica(t, usual(b.Addr))
		for i, sid := range sids {
			for _, r := range append(replicas, open) {
				want := ""
				if i < 3 {
					want = webhooktest.Greeting(i + 1)
				}
				if a := r.send(sid, "").expect(t, want); a.outcome.Result != session.Repeated {
					t.Errorf("the repeat of message %d was %s", i+1, a.outcome.Result)
				}
			}
		}

		conn := redistest.Conn(t, b.Addr)
		key := "sms:session:" + get(t, conn, pointerKey)
		record := get(t, conn, key)
		if !strings.Contains(record, `"counter":7,`) {
			t.Errorf("seven messages left %s", record)
		}
		// The replies become a minute older.
		ago := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		old := regexp.MustCompile(`"replied":"(\S+) \S+ \S+"`).ReplaceAllString(record,
			fmt.Sprintf(`"replied":"%s $1 $1"`, ago))
		if old == record {
			t.Fatalf("the record does not have the times of three replies: %s", record)
		}
		do(t, conn, "SET", key, revised(old), "PX", 60_000)
		replicas[0].send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(8))
		replicas[1].send(webhooktest.NewSID(), "").expect(t, "")
		replicas[0].send(webhooktest.NewSID(), "").expect(t, "")
		open.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(11))
	})
}

func TestMaxRepliesOfConcurrentMessages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		const messages, limit = 24, 5
		replicas := []*replica{newReplica(t, limited(b.Addr, limit)), newReplica(t, limited(b.Addr, limit))}
		texts := make([]string, messages)
		var group sync.WaitGroup
		for i := range texts {
			group.Go(func() { texts[i] = replicas[i%2].send(webhooktest.NewSID(), "").text })
		}
		group.Wait()
		seen := map[string]int{}
		for _, text := range texts {
			seen[text]++
		}
		for n := 1; n <= limit; n++ {
			if seen[webhooktest.Greeting(n)] != 1 {
				t.Errorf("%q was sent %d times", webhooktest.Greeting(n), seen[webhooktest.Greeting(n)])
			}
		}
		if seen[""] != messages-limit {
			t.Errorf("%d messages got no reply, want %d", seen[""], messages-limit)
		}
		conn := redistest.Conn(t, b.Addr)
		if record := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); !strings.Contains(record,
			fmt.Sprintf(`"counter":%d,`, messages)) {
			t.Errorf("%d messages left %s", messages, record)
		}
	})
}

func TestMaxRepliesAfterAnEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, limited(b.Addr, 2))
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1))
		r.stop(webhooktest.NewSID(), "").expect(t, "")
		r.send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1))
		r.stop(webhooktest.NewSID(), "").expect(t, "")
		r.send(webhooktest.NewSID(), "").expect(t, "")
	})
}

func TestRecordWithoutALimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		newReplica(t, usual(b.Addr)).send(webhooktest.NewSID(), "").expect(t, webhooktest.Greeting(1))
		conn := redistest.Conn(t, b.Addr)
		if record := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); strings.Contains(record, "replied") {
			t.Error(record)
		}
	})
}

// talk lets two numbers answer each other through the service until a message gets no reply, or until the given number
// of messages were sent. It returns how many were sent.
func talk(t *testing.T, o session.Options, maxSent int) (sent int) {
	r := newReplica(t, o)
	text, speaker, listener := "hello", from, to
	for ; text != "" && sent < maxSent; sent++ {
		a := r.deliver(session.Incoming{Message: conversation.Message{SID: webhooktest.NewSID(), From: speaker,
			To: listener, Body: text}}, "")
		if a.status != 200 {
			t.Fatalf("got %d %q", a.status, a.text)
		}
		text, speaker, listener = a.text, listener, speaker
	}
	return sent
}

func TestMaxRepliesStopsALoop(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		if sent := talk(t, limited(b.Addr, 5), 500); sent != 2*5+1 {
			t.Errorf("they stop after %d messages, want 11: five replies of each, and the first message", sent)
		}
	})
}

func TestLoopWithoutALimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		if sent := talk(t, usual(b.Addr), 500); sent != 500 {
			t.Errorf("they stop after %d messages", sent)
		}
	})
}
