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
)

// guarded are the usual options with a limit.
func guarded(addr string, limit int) session.Options {
	o := usual(addr)
	o.MaxReplies = limit
	return o
}

func TestAConversationGetsNoMoreRepliesAMinuteThanItMay(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		replicas := []*replica{newReplica(t, guarded(b.Addr, 3)), newReplica(t, guarded(b.Addr, 3))}
		sids := make([]string, 7)
		for i := range sids {
			sids[i] = newSID()
			a := replicas[i%2].send(sids[i], "")
			if i < 3 {
				a.expect(t, greeting(i+1))
			} else if a.expect(t, ""); a.outcome.Result != session.Guarded {
				t.Errorf("message %d was %s", i+1, a.outcome.Result)
			}
		}
		open := newReplica(t, usual(b.Addr))
		for i, sid := range sids {
			for _, r := range append(replicas, open) {
				want := ""
				if i < 3 {
					want = greeting(i + 1)
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
		// A minute passes.
		ago := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		old := regexp.MustCompile(`"replied":"(\S+) \S+ \S+"`).ReplaceAllString(record, fmt.Sprintf(`"replied":"%s $1 $1"`, ago))
		if old == record {
			t.Fatalf("the record does not tell of three replies: %s", record)
		}
		do(t, conn, "SET", key, old, "PX", 60_000)
		replicas[0].send(newSID(), "").expect(t, greeting(8))
		replicas[1].send(newSID(), "").expect(t, "")
		replicas[0].send(newSID(), "").expect(t, "")
		open.send(newSID(), "").expect(t, greeting(11))
	})
}

func TestRacingMessagesShareOneLimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		const messages, limit = 24, 5
		replicas := []*replica{newReplica(t, guarded(b.Addr, limit)), newReplica(t, guarded(b.Addr, limit))}
		texts := make([]string, messages)
		var group sync.WaitGroup
		for i := range texts {
			group.Go(func() { texts[i] = replicas[i%2].send(newSID(), "").text })
		}
		group.Wait()
		seen := map[string]int{}
		for _, text := range texts {
			seen[text]++
		}
		for n := 1; n <= limit; n++ {
			if seen[greeting(n)] != 1 {
				t.Errorf("%q was said %d times", greeting(n), seen[greeting(n)])
			}
		}
		if seen[""] != messages-limit {
			t.Errorf("%d messages got no reply, want %d", seen[""], messages-limit)
		}
		conn := redistest.Conn(t, b.Addr)
		if record := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); !strings.Contains(record, fmt.Sprintf(`"counter":%d,`, messages)) {
			t.Errorf("%d messages left %s", messages, record)
		}
	})
}

func TestTheLimitOutlivesTheEndOfASession(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		r := newReplica(t, guarded(b.Addr, 2))
		r.send(newSID(), "").expect(t, greeting(1))
		r.stop(newSID(), "").expect(t, "")
		r.send(newSID(), "").expect(t, greeting(1))
		r.stop(newSID(), "").expect(t, "")
		r.send(newSID(), "").expect(t, "")
	})
}

func TestWithoutALimitARecordDoesNotTellOfReplies(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		newReplica(t, usual(b.Addr)).send(newSID(), "").expect(t, greeting(1))
		conn := redistest.Conn(t, b.Addr)
		if record := get(t, conn, "sms:session:"+get(t, conn, pointerKey)); strings.Contains(record, "replied") {
			t.Error(record)
		}
	})
}

// talk lets two numbers answer each other, both of them through the service, and returns how many messages are sent until
// one has nothing to say, or most.
func talk(t *testing.T, o session.Options, most int) (sent int) {
	r := newReplica(t, o)
	text, speaker, listener := "hello", from, to
	for ; text != "" && sent < most; sent++ {
		a := r.deliver(session.Incoming{Message: conversation.Message{SID: newSID(), From: speaker, To: listener, Body: text}}, "")
		if a.status != 200 {
			t.Fatalf("got %d %q", a.status, a.text)
		}
		text, speaker, listener = a.text, listener, speaker
	}
	return sent
}

func TestTwoMachinesThatAnswerEachOtherStop(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		if sent := talk(t, guarded(b.Addr, 5), 500); sent != 2*5+1 {
			t.Errorf("they stop after %d messages, want 11: five replies of each, and the first message", sent)
		}
	})
}

func TestWithoutALimitTwoMachinesGoOn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		if sent := talk(t, usual(b.Addr), 500); sent != 500 {
			t.Errorf("they stop after %d messages", sent)
		}
	})
}
