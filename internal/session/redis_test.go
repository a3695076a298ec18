package session_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

func TestLostReplies(t *testing.T) { loseReplies(t, 0) }

func TestLostRepliesWithAnApp(t *testing.T) { loseReplies(t, 8*time.Second) }

func loseReplies(t *testing.T, callTimeout time.Duration) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		proxy := redistest.StartProxy(t, b.Addr)
		proxy.CutReplies(0.15, 7)
		o := usual(proxy.Addr())
		o.CallTimeout = callTimeout
		o.Budget = time.Minute // the last message waits for all others
		r := newReplica(t, o)
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
		if record := get(t, conn, "sms:session:"+token); !strings.Contains(record,
			fmt.Sprintf(`"counter":%d,`, messages+1)) {
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
		replicas []int // the replicas that get the messages, one after the other
		want     int64 // the most round trips for 50 messages
	}{
		{"a replica that gets all messages of a conversation needs one", []int{0}, 50},
		{"replicas that alternate need two", []int{0, 1, 2}, 100},
		// The first messages after a change are misses, which cost no round trip.
		{"replicas that alternate after several messages need at most two", []int{0, 0, 0, 0, 1, 1, 1}, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := []*replica{newReplica(t, usual(server.Addr())), newReplica(t, usual(server.Addr())),
				newReplica(t, usual(server.Addr()))}
			cookie := r[0].send(webhooktest.NewSID(), "").cookie
			for range 3 { // until the score is settled and the connections are open
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
