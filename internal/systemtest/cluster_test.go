package systemtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
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

// reshard moves n slots from one primary to another with redis-cli, as an operator does. redis-cli moves the lowest
// slots first.
func reshard(t *testing.T, from, to *redistest.Server, n int) {
	t.Helper()
	out := from.CLI("--cluster", "reshard", from.Addr(), "--cluster-from", from.CLI("CLUSTER", "MYID"),
		"--cluster-to", to.CLI("CLUSTER", "MYID"), "--cluster-slots", strconv.Itoa(n), "--cluster-yes")
	if strings.Contains(out, "ERR") || !strings.Contains(out, "Moving slot") {
		t.Errorf("move %d slots: %s", n, out)
	}
}

// holdFailover keeps the replicas from replacing their primaries until failOver is called. A shard is then away for as
// long as a test needs, even on a busy machine.
func holdFailover(t *testing.T, c *redistest.Cluster) {
	t.Helper()
	for _, r := range c.Replicas {
		if got := r.CLI("CONFIG", "SET", "cluster-replica-no-failover", "yes"); got != "OK" {
			t.Fatal(got)
		}
	}
}

// failOver lets a replica replace its primary, which must be away, and waits until it has. The election begins after
// all nodes have noticed that the primary is away. A replica that loses an election waits for 12 s.
func failOver(t *testing.T, c *redistest.Cluster, primary int) {
	t.Helper()
	away, replica := c.Primaries[primary], c.Replicas[primary]
	for _, node := range slices.DeleteFunc(c.Nodes(), func(node *redistest.Server) bool { return node == away }) {
		webhooktest.Wait(t, node.Addr()+" to notice that the primary is away", func() bool {
			_, after, _ := strings.Cut(node.CLI("CLUSTER", "NODES"), " "+away.Addr()+"@")
			line, _, _ := strings.Cut(after, "\n")
			return strings.Contains(line, " master,fail ")
		})
	}
	replica.CLI("CONFIG", "SET", "cluster-replica-no-failover", "no")
	webhooktest.Wait(t, "the promotion of the replica", func() bool {
		return strings.HasPrefix(replica.CLI("ROLE"), "master")
	})
}

// TestSlotsMoveUnderTraffic moves the lowest slots, where the pointers of all conversations are, from one primary to
// the next until they are back. It uses redis-cli as an operator does.
func TestSlotsMoveUnderTraffic(t *testing.T) {
	t.Parallel()
	const moved = 50 // of the 5461 slots of a primary
	c := redistest.StartCluster(t, 3, false, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	inLowSlots := func() *sender {
		s := newSender(t)
		for redisc.Slot(s.PointerKey()) >= moved {
			s = s.another()
		}
		return s
	}
	l := startTrafficOf(t, inLowSlots, func(s *sender, sid, cookie string) reply {
		return s.deliver(f.next(), "/sms", sid, cookie)
	})
	l.waitForReplies()
	keys := 0
	for i, from := range c.Primaries {
		to := c.Primaries[(i+1)%len(c.Primaries)]
		reshard(t, from, to, moved)
		keys += keysInSlots(t, to, moved)
	}
	l.waitForReplies()
	messages, slowest := l.finish()
	l.check(t, f)
	if keys < conversations*len(c.Primaries) {
		t.Errorf("only %d keys were moved: the traffic was not affected", keys)
	}
	t.Logf("%d messages while %d keys were moved; the slowest message took %v", messages, keys,
		slowest.Round(time.Millisecond))
}

// TestShardFailover kills one primary of three. Redis replicates asynchronously, so messages that its replica had not
// received yet are lost. The test counts them. The replica takes over only after the test has seen that the
// conversations on the other shards continue: if they waited for the shard, they would wait forever.
func TestShardFailover(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	var replies atomic.Int64
	l := startTraffic(t, func(s *sender, sid, cookie string) reply {
		r := f.insist(t, s, sid, cookie)
		replies.Add(1)
		return r
	})
	l.waitForReplies()
	inside, outside := divide(t, f, c, l.conversations)
	before := replies.Load()
	waitReplicated(t, c.Primaries[0], c.Replicas[0])
	holdFailover(t, c)
	c.Primaries[0].Kill()
	most := replies.Load() - before + conversations*lanes // all that the replica may not have received
	away := total(inside)
	waitForReplies(t, outside, 2*lanes)                   // more than were in progress
	if n := total(inside) - away; n > len(inside)*lanes { // those that were in progress
		t.Errorf("%d messages of the shard were answered while it was away", n)
	}
	failOver(t, c, 0)
	l.waitForReplies()
	messages, slowest := l.finish()

	f.redis = connectAll(t, []*redistest.Server{c.Replicas[0], c.Primaries[1], c.Primaries[2]})
	for _, one := range outside {
		for _, violation := range checkCounts(one.replies, 1, len(one.replies)) {
			t.Errorf("%s, on another shard: %s", one.From, violation)
		}
		if counter := f.counter(one.sender); counter != len(one.replies) {
			t.Errorf("%s, on another shard: %d messages have replies, the counter is %d", one.From, len(one.replies),
				counter)
		}
	}
	doubled, failed := lost(inside)
	if failed > 0 || int64(doubled) > most {
		t.Errorf("on the shard itself, %d messages failed and %d were lost, want none and at most %d", failed, doubled, most)
	}
	t.Logf("%d messages in %d conversations, %d of them on the shard that failed over; %d messages were lost, and the slowest took %v",
		messages, conversations, len(inside), doubled, slowest.Round(time.Millisecond))
}

// TestHangingShardLeavesConnections stops one primary of three. It then accepts connections and answers nothing. The
// number of messages that wait for it is three times the number of connections that a replica has for messages. If each
// of them kept a connection until its time-out of a second, messages for other shards would wait for several budgets.
// The test therefore checks what happens first: 20 replies in a row on another shard, or the end of three budgets.
func TestHangingShardLeavesConnections(t *testing.T) {
	t.Parallel()
	const stuck, inRow = 3 * redispool.Size, 20
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	r := startReplica(t, clusterURL(c))
	other, cookie := conversationOutside(t, c, r)
	holdFailover(t, c)
	c.Primaries[0].Pause()
	defer c.Primaries[0].Resume()

	waiting, giveUp := context.WithCancel(t.Context())
	var givenUp atomic.Int64
	var group sync.WaitGroup
	replies := make([]reply, stuck)
	for i := range replies {
		s, sid := other.another(), webhooktest.NewSID()
		for !onFirstShard(c, s.PointerKey()) {
			s = s.another()
		}
		group.Go(func() {
			for waiting.Err() == nil && replies[i].Status != http.StatusOK {
				if replies[i] = s.deliver(r.url, "/sms", sid, ""); replies[i].Status != http.StatusOK {
					givenUp.Add(1)
				}
			}
		})
	}
	waitForMetric(t, r, "smsession_messages_in_progress", stuck)

	ended := givenUp.Load()
	for n, answered := 2, 0; answered < inRow; n++ {
		report(t, checkCounts([]reply{other.deliver(r.url, "/sms", webhooktest.NewSID(), cookie)}, n, n))
		answered++
		if now := givenUp.Load(); now != ended {
			answered, ended = 0, now // the machine may be slow, so another budget is allowed
		}
		if ended >= 3*stuck {
			t.Fatalf("while the shard hung, %d of its messages were given up before %d messages of another shard were answered in a row", ended, inRow)
		}
	}
	failOver(t, c, 0)
	defer time.AfterFunc(longestCrash, giveUp).Stop()
	group.Wait()
	for _, one := range replies {
		report(t, checkCounts([]reply{one}, 1, 1))
	}
	t.Logf("%d messages of the shard waited; %d deliveries were given up and sent again", stuck, givenUp.Load())
}

// conversationOutside begins a conversation that has no key on the first shard.
func conversationOutside(t *testing.T, c *redistest.Cluster, r *replica) (s *sender, cookie string) {
	t.Helper()
	for s = newSender(t); ; s = s.another() {
		if onFirstShard(c, s.PointerKey()) {
			continue
		}
		first := s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
		if first.Text() != webhooktest.Greeting(1) {
			t.Fatalf("the first message gets %q", first.Text())
		}
		if !onFirstShard(c, "sms:session:"+first.Cookie) {
			return s, first.Cookie
		}
	}
}

// divide returns the conversations with a key on the first shard, and the others. The keys of a conversation do not
// change.
func divide(t *testing.T, f *fleet, c *redistest.Cluster, all []*conversation) (inside, outside []*conversation) {
	t.Helper()
	for _, one := range all {
		if onFirstShard(c, one.PointerKey()) || onFirstShard(c, "sms:session:"+f.pointer(one.sender)) {
			inside = append(inside, one)
		} else {
			outside = append(outside, one)
		}
	}
	if len(inside) == 0 || len(outside) == 0 {
		t.Fatalf("%d of %d conversations are on one shard: the test needs both kinds", len(inside), len(all))
	}
	return inside, outside
}

// onFirstShard reports whether a key is in a slot of the first primary.
func onFirstShard(c *redistest.Cluster, key string) bool {
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

// everyNode is a redis.Conn of which only Do is implemented. It asks one node after the other until one has the key.
type everyNode struct {
	redis.Conn
	nodes []redis.Conn
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
