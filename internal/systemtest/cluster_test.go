package systemtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func startClusterFleet(t *testing.T, c *redistest.Cluster) *fleet {
	t.Helper()
	f := startFleet(t, c.Primaries[0], "REDIS_URL="+clusterURL(c))
	f.redis = connectAll(t, c.Primaries)
	return f
}

func clusterURL(c *redistest.Cluster) string {
	return "redis+cluster://" + narrowLogin + strings.Join(c.Addrs(), ",")
}

// TestSlotsMoveUnderTraffic moves slots with what an operator has for it: the lowest ones, where the pointers of all the
// conversations are, from one primary to the next until they are back.
func TestSlotsMoveUnderTraffic(t *testing.T) {
	const moved = 50 // of 5461 that a primary has
	c := redistest.StartCluster(t, 3, false, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	low := func() *sender {
		s := newSender(t)
		for redisc.Slot(s.PointerKey()) >= moved {
			s = newSender(t)
		}
		return s
	}
	l := startLoadOf(low, func(s *sender, sid, cookie string) reply { return s.deliver(f.any(), "/sms", sid, cookie) })
	awaitReplies(t, l.talks, 1)
	keys := 0
	for i, from := range c.Primaries {
		to := c.Primaries[(i+1)%len(c.Primaries)]
		if err := c.Reshard(from, to, moved); err != nil {
			t.Error(err)
		}
		keys += keysInSlots(t, to, moved)
	}
	awaitReplies(t, l.talks, 1)
	messages, slowest := l.finish()
	l.check(t, f)
	if keys < talks*len(c.Primaries) {
		t.Errorf("only %d keys moved: the traffic cannot have felt it", keys)
	}
	t.Logf("%d messages while %d keys moved; the slowest took %v", messages, keys, slowest.Round(time.Millisecond))
}

// TestAShardThatFailsOverDelaysOnlyItsOwn kills one primary of three. What its replica had not got yet is lost, as Redis
// replicates asynchronously; that is measured. The replica takes over only once the others have been seen to go on: if they
// waited for the shard, they would wait for ever.
func TestAShardThatFailsOverDelaysOnlyItsOwn(t *testing.T) {
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	var replies atomic.Int64
	l := startLoad(t, func(s *sender, sid, cookie string) reply {
		r := f.insist(t, s, sid, cookie)
		replies.Add(1)
		return r
	})
	awaitReplies(t, l.talks, 1)
	inside, elsewhere := divide(t, f, c, l.talks)
	before := replies.Load()
	time.Sleep(time.Second)
	c.HoldFailover()
	c.Primaries[0].Kill()
	bound := replies.Load() - before + talks*lanes
	away := total(inside)
	awaitReplies(t, elsewhere, 2*lanes)                   // more than were under way
	if n := total(inside) - away; n > len(inside)*lanes { // those that were under way
		t.Errorf("%d messages of the shard were answered while it was away", n)
	}
	c.FailOver(0)
	awaitReplies(t, l.talks, 1)
	messages, slowest := l.finish()

	f.redis = connectAll(t, []*redistest.Server{c.Replicas[0], c.Primaries[1], c.Primaries[2]})
	for _, one := range elsewhere {
		for _, violation := range uncounted(one.replies, 1, len(one.replies)) {
			t.Errorf("%s, on another shard: %s", one.From, violation)
		}
		if recorded := f.recorded(one.sender); recorded != len(one.replies) {
			t.Errorf("%s, on another shard: %d messages were answered, the record says %d", one.From, len(one.replies), recorded)
		}
	}
	doubled, failed := l.wrong(inside)
	if failed > 0 || int64(doubled) > bound {
		t.Errorf("of the shard itself %d messages failed, and %d numbers came twice, want none and at most %d", failed, doubled, bound)
	}
	t.Logf("%d messages in %d conversations; of the %d on the shard that failed over %d messages were lost, and the slowest took %v",
		messages, talks, len(inside), doubled, slowest.Round(time.Millisecond))
}

// TestAShardThatHangsLeavesTheOthersTheirPlaces stops one primary of three, which then takes connections and answers
// nothing, while three times as many messages want it as a replica of ours has places for messages. If each kept its place
// until the second of its time-out was over, a message for another shard would wait for about two, and twenty in a row for
// several budgets. So what is looked at is what comes first: their answers, or the end of a budget.
func TestAShardThatHangsLeavesTheOthersTheirPlaces(t *testing.T) {
	const stuck, others = 3 * redispool.Size, 20
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	r := startReplica(t, clusterURL(c))
	other, cookie := elsewhere(t, c, r)
	c.HoldFailover()
	c.Primaries[0].Pause()
	defer c.Primaries[0].Resume()

	waiting, giveUp := context.WithCancel(t.Context())
	var givenUp atomic.Int64
	var group sync.WaitGroup
	replies := make([]reply, stuck)
	for i := range replies {
		s, sid := newSender(t), webhooktest.NewSID()
		for !onFirst(c, s.PointerKey()) {
			s = newSender(t)
		}
		group.Go(func() {
			for waiting.Err() == nil && replies[i].Status != 200 {
				if replies[i] = s.deliver(r.url, "/sms", sid, ""); replies[i].Status != 200 {
					givenUp.Add(1)
				}
			}
		})
	}
	awaitMetric(t, r, "smsession_messages_in_progress", stuck)

	ended := givenUp.Load()
	for n, inRow := 2, 0; inRow < others; n++ {
		report(t, uncounted([]reply{other.deliver(r.url, "/sms", webhooktest.NewSID(), cookie)}, n, n))
		inRow++
		if now := givenUp.Load(); now != ended {
			inRow, ended = 0, now // a machine that is busy may come to it late: then the next budget counts
		}
		if ended >= 3*stuck {
			t.Fatalf("while the shard hung, %d messages of it were given up before %d of another shard were answered in a row", ended, others)
		}
	}
	c.FailOver(0)
	defer time.AfterFunc(patience, giveUp).Stop()
	group.Wait()
	for _, one := range replies {
		report(t, uncounted([]reply{one}, 1, 1))
	}
	t.Logf("%d messages of the shard waited, of which %d were given up and came again", stuck, givenUp.Load())
}

// elsewhere begins a conversation that has no key on the first shard.
func elsewhere(t *testing.T, c *redistest.Cluster, r *replica) (s *sender, cookie string) {
	t.Helper()
	for {
		s = newSender(t)
		if onFirst(c, s.PointerKey()) {
			continue
		}
		first := s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
		if first.Text() != webhooktest.Greeting(1) {
			t.Fatalf("the first message got %q", first.Text())
		}
		if !onFirst(c, "sms:session:"+first.Cookie) {
			return s, first.Cookie
		}
	}
}

// divide tells which conversations have a key on the first shard. Both keys of a conversation stay where they are.
func divide(t *testing.T, f *fleet, c *redistest.Cluster, all []*talk) (inside, elsewhere []*talk) {
	t.Helper()
	for _, one := range all {
		if onFirst(c, one.PointerKey()) || onFirst(c, "sms:session:"+f.pointer(one.sender)) {
			inside = append(inside, one)
		} else {
			elsewhere = append(elsewhere, one)
		}
	}
	if len(inside) == 0 || len(elsewhere) == 0 {
		t.Fatalf("of %d conversations %d are on one shard: nothing can be told apart", len(all), len(inside))
	}
	return inside, elsewhere
}

// total is how many replies some conversations have got together.
func total(of []*talk) (n int) {
	for _, one := range of {
		n += one.answered()
	}
	return n
}

// onFirst reports whether the first primary of a Cluster has a key.
func onFirst(c *redistest.Cluster, key string) bool {
	_, last := c.Share(0)
	return redisc.Slot(key) <= last
}

// keysInSlots returns how many keys a server has in the lowest slots.
func keysInSlots(t *testing.T, s *redistest.Server, slots int) (keys int) {
	t.Helper()
	conn := redistest.Conn(t, s.Addr())
	for slot := range slots {
		n, err := redis.Int(conn.Do("CLUSTER", "COUNTKEYSINSLOT", slot))
		if err != nil {
			t.Fatal(err)
		}
		keys += n
	}
	return keys
}

// everyNode looks at keys wherever they are: it asks one node after the other.
type everyNode struct {
	redis.Conn // none: only Do is used
	nodes      []redis.Conn
}

func connectAll(t *testing.T, servers []*redistest.Server) everyNode {
	t.Helper()
	var e everyNode
	for _, s := range servers {
		e.nodes = append(e.nodes, redistest.Conn(t, s.Addr()))
	}
	return e
}

func (e everyNode) Do(command string, args ...any) (reply any, err error) {
	var keys []any
	for _, node := range e.nodes {
		reply, err = node.Do(command, args...)
		var moved redis.Error
		switch {
		case errors.As(err, &moved) && strings.HasPrefix(string(moved), "MOVED"):
		case err != nil || command != "KEYS":
			return reply, err
		default:
			keys = append(keys, reply.([]any)...)
		}
	}
	if command == "KEYS" {
		return keys, nil
	}
	return reply, err
}
