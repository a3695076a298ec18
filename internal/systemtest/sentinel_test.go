package systemtest

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestSentinelFailover kills the primary of three servers under traffic. Each reply has waited for one Redis replica,
// and the Sentinels promote the replica that has received most.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 2, 3, redistest.Options{Args: narrow("+role", "+wait")})
	f := startFleet(t, s.Primary, "REDIS_URL="+sentinelURL(s), "REDIS_WAIT_REPLICAS=1")
	l := startTraffic(t, func(s *sender, sid, cookie string) reply { return f.insist(t, s, sid, cookie) })
	l.waitForReplies()
	s.Primary.Kill()
	primary := waitPromoted(t, s)
	l.waitForReplies()
	messages, slowest := l.finish()
	f.redis = redistest.Conn(t, primary)
	l.check(t, f)
	if slowest < time.Second {
		t.Errorf("the slowest message took %v: the failover did not affect the traffic", slowest)
	}
	t.Logf("%d messages over a failover, the slowest took %v", messages, slowest.Round(time.Millisecond))
}

// TestSentinelFailoverWithoutWait measures how many messages asynchronous replication loses. The only promise is that a
// message is not lost if the replica has received it.
func TestSentinelFailoverWithoutWait(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 1, redistest.Options{Args: narrow("+role")})
	f := startFleet(t, s.Primary, "REDIS_URL="+sentinelURL(s))
	var answered atomic.Int64
	l := startTraffic(t, func(s *sender, sid, cookie string) reply {
		r := f.insist(t, s, sid, cookie)
		answered.Add(1)
		return r
	})
	l.waitForReplies()
	before := answered.Load()
	waitReplicated(t, s.Primary, s.Replicas[0])
	s.Primary.Kill()
	most := answered.Load() - before + conversations*lanes // all that the replica may not have received
	waitPromoted(t, s)
	l.waitForReplies()
	messages, slowest := l.finish()
	doubled, failed := lost(l.conversations)
	if failed > 0 || int64(doubled) > most {
		t.Errorf("%d messages failed and %d were lost, want none and at most %d", failed, doubled, most)
	}
	t.Logf("%d messages, of which the failover lost %d; the slowest message took %v", messages, doubled,
		slowest.Round(time.Millisecond))
}

func sentinelURL(s *redistest.Sentinels) string {
	return "redis+sentinel://" + narrowLogin + strings.Join(s.Addrs(), ",") + "/" + redistest.PrimaryName
}

// waitPromoted waits until a Sentinel names another primary than the first one, and returns the new one's address.
func waitPromoted(t *testing.T, s *redistest.Sentinels) (addr string) {
	t.Helper()
	webhooktest.Wait(t, "the Sentinels to promote a replica", func() bool {
		host, port, _ := strings.Cut(s.Sentinels[0].CLI("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.PrimaryName),
			"\n")
		addr = net.JoinHostPort(host, port)
		return addr != s.Primary.Addr()
	})
	return addr
}

// waitReplicated waits until a Redis replica has received everything that its primary has now.
func waitReplicated(t *testing.T, primary, replica *redistest.Server) {
	t.Helper()
	want := replicationOffset(primary, "master_repl_offset:")
	webhooktest.Wait(t, "the replica to receive everything", func() bool {
		return replicationOffset(replica, "slave_repl_offset:") >= want
	})
}
