package main

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func startClusterFleet(t *testing.T, c *redistest.Cluster) *fleet {
	t.Helper()
	f := startFleet(t, c.Primaries[0], "REDIS_URL=redis+cluster://"+narrowLogin+strings.Join(c.Addrs(), ","))
	f.redis = connectAll(t, c.Primaries)
	return f
}

// TestSlotsMoveUnderTraffic moves slots with what an operator has for it: the lowest ones, where the pointers of all the
// conversations are, from one primary to the next until they are back.
func TestSlotsMoveUnderTraffic(t *testing.T) {
	const moved = 50 // of 5461 that a primary has
	c := redistest.StartCluster(t, 3, false, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	low := func() *sender {
		s := newSender()
		for redisc.Slot("sms:conversation:"+s.to+":"+s.from) >= moved {
			s = newSender()
		}
		return s
	}
	l := startLoadOf(low, func(s *sender, sid, cookie string) reply { return s.deliver(f.any(), "/sms", sid, cookie) })
	time.Sleep(between)
	keys := 0
	for i, from := range c.Primaries {
		to := c.Primaries[(i+1)%len(c.Primaries)]
		before := keysIn(t, to)
		if err := c.Reshard(from, to, moved); err != nil {
			t.Error(err)
		}
		keys += keysIn(t, to) - before
	}
	time.Sleep(between)
	messages, slowest := l.finish()
	l.check(t, f)
	if keys < talks*len(c.Primaries) {
		t.Errorf("only %d keys moved: the traffic cannot have felt it", keys)
	}
	t.Logf("%d messages while %d keys moved; the slowest took %v", messages, keys, slowest.Round(time.Millisecond))
}

// TestAShardThatFailsOverDelaysOnlyItsOwn kills one primary of three. What its replica had not got yet is lost, as Redis
// replicates asynchronously; that is measured. The conversations of other shards are told apart by their keys.
func TestAShardThatFailsOverDelaysOnlyItsOwn(t *testing.T) {
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	var answered atomic.Int64
	l := startLoad(func(s *sender, sid, cookie string) reply {
		r := s.deliver(f.any(), "/sms", sid, cookie)
		answered.Add(1)
		return r
	})
	time.Sleep(between)
	inside, elsewhere := divide(t, f, l.talks, c.Primaries[0])
	before := answered.Load()
	time.Sleep(time.Second)
	c.Primaries[0].Kill()
	bound := answered.Load() - before + talks*lanes
	awaitPrimary(t, c.Replicas[0])
	time.Sleep(between)
	messages, slowest := l.finish()

	f.redis = connectAll(t, []*redistest.Server{c.Replicas[0], c.Primaries[1], c.Primaries[2]})
	var noticed time.Duration
	for _, one := range elsewhere {
		noticed = max(noticed, one.slowest)
		for _, violation := range uncounted(one.replies, 1, len(one.replies)) {
			t.Errorf("%s, on another shard: %s", one.from, violation)
		}
		if recorded := f.recorded(one.sender); recorded != len(one.replies) {
			t.Errorf("%s, on another shard: %d messages were answered, the record says %d", one.from, len(one.replies), recorded)
		}
	}
	doubled, failed := l.wrong(inside)
	if failed > 0 || int64(doubled) > bound {
		t.Errorf("of the shard itself %d messages failed, and %d numbers came twice, want none and at most %d", failed, doubled, bound)
	}
	// The shard is away for three seconds at the least.
	if noticed >= 3*time.Second || slowest < 3*time.Second {
		t.Errorf("on other shards the slowest message took %v, want less than the shard was away; on all, %v, want more", noticed, slowest)
	}
	t.Logf("%d messages in %d conversations; of the %d on the shard that failed over %d messages were lost, and the slowest took %v; "+
		"the slowest of the others took %v", messages, talks, len(inside), doubled, slowest.Round(time.Millisecond), noticed.Round(time.Millisecond))
}

// TestAShardThatHangsLeavesTheOthersTheirPlaces stops one primary of three, which then takes connections and answers
// nothing, while more conversations want it than a replica of ours has places for messages.
func TestAShardThatHangsLeavesTheOthersTheirPlaces(t *testing.T) {
	c := redistest.StartCluster(t, 3, true, redistest.Options{Args: narrow("+cluster|slots", "+asking")})
	f := startClusterFleet(t, c)
	one := f.replicas[0].url
	var loads []*traffic
	var all []*talk
	for range 6 { // five in nine conversations have a key on a given shard
		l := startLoad(func(s *sender, sid, cookie string) reply { return s.deliver(one, "/sms", sid, cookie) })
		loads, all = append(loads, l), append(all, l.talks...)
	}
	time.Sleep(between)
	inside, elsewhere := divide(t, f, all, c.Primaries[0])
	if len(inside) <= redispool.Size {
		t.Fatalf("only %d conversations are on the shard, want more than %d", len(inside), redispool.Size)
	}
	c.Primaries[0].Pause()
	defer c.Primaries[0].Resume()
	awaitPrimary(t, c.Replicas[0])
	time.Sleep(between)
	var slowest, noticed time.Duration
	for _, l := range loads {
		_, slow := l.finish()
		slowest = max(slowest, slow)
	}
	for _, other := range elsewhere {
		noticed = max(noticed, other.slowest)
	}
	if _, failed := loads[0].wrong(elsewhere); failed > 0 {
		t.Errorf("%d messages of other shards failed", failed)
	}
	// The shard is away for three seconds at the least.
	if noticed >= 3*time.Second || slowest < 3*time.Second {
		t.Errorf("on other shards the slowest message took %v, want less than the shard was away; on all, %v, want more", noticed, slowest)
	}
	t.Logf("the slowest of %d conversations on the shard took %v, of the %d others %v", len(inside), slowest.Round(time.Millisecond),
		len(elsewhere), noticed.Round(time.Millisecond))
}

// divide tells which conversations have a key on a server. Both keys of a conversation stay where they are.
func divide(t *testing.T, f *fleet, all []*talk, server *redistest.Server) (inside, elsewhere []*talk) {
	t.Helper()
	c := redistest.Conn(t, server.Addr())
	for _, one := range all {
		there := false
		for _, key := range []string{"sms:conversation:" + one.to + ":" + one.from, "sms:session:" + f.pointer(one.sender)} {
			_, err := c.Do("EXISTS", key)
			there = there || err == nil
		}
		if there {
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

func awaitPrimary(t *testing.T, replica *redistest.Server) {
	t.Helper()
	for deadline := time.Now().Add(failoverLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.HasPrefix(replica.CLI("ROLE"), "master") {
			return
		}
	}
	t.Fatal("the replica has not taken over")
}

func keysIn(t *testing.T, s *redistest.Server) int {
	t.Helper()
	n, err := strconv.Atoi(s.CLI("DBSIZE"))
	if err != nil {
		t.Fatal(err)
	}
	return n
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
