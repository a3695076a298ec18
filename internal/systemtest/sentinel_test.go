package systemtest

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/redistest"
)

// failoverLimit is how long a failover may take: after three seconds of silence, some for an election, which may fail once.
const failoverLimit = 25 * time.Second

// TestAFailoverOfSentinelsLosesNothingThatReplicasHad kills the primary of three while traffic runs. Every answer waited
// for one replica, and the Sentinels promote the one that has most.
func TestAFailoverOfSentinelsLosesNothingThatReplicasHad(t *testing.T) {
	s := redistest.StartSentinels(t, 2, 3, redistest.Options{Args: narrow("+role", "+wait")})
	f := startFleet(t, s.Primary, "REDIS_URL="+sentinelURL(s), "REDIS_WAIT_REPLICAS=1")
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return f.insist(t, s, sid, cookie) })
	time.Sleep(between)
	killed := time.Now()
	s.Primary.Kill()
	primary := promoted(t, s)
	took := time.Since(killed)
	time.Sleep(between)
	messages, slowest := l.finish()
	f.redis = redistest.Conn(t, primary)
	l.check(t, f)
	if slowest < time.Second {
		t.Errorf("the slowest message took %v: no failover was felt", slowest)
	}
	t.Logf("%d messages over a failover of %v, the slowest took %v", messages,
		took.Round(time.Millisecond), slowest.Round(time.Millisecond))
}

// TestAFailoverWithoutWaitingLosesLittle measures what asynchronous replication costs: it promises nothing but that what
// was answered long before is there.
func TestAFailoverWithoutWaitingLosesLittle(t *testing.T) {
	s := redistest.StartSentinels(t, 1, 1, redistest.Options{Args: narrow("+role")})
	f := startFleet(t, s.Primary, "REDIS_URL="+sentinelURL(s))
	var answered atomic.Int64
	l := startLoad(t, func(s *sender, sid, cookie string) reply {
		r := f.insist(t, s, sid, cookie)
		answered.Add(1)
		return r
	})
	time.Sleep(between)
	before := answered.Load()
	time.Sleep(time.Second)
	s.Primary.Kill()
	bound := answered.Load() - before + talks*lanes // of the last second, and what was under way
	promoted(t, s)
	time.Sleep(between)
	messages, slowest := l.finish()
	doubled, failed := l.wrong(l.talks)
	if failed > 0 || int64(doubled) > bound {
		t.Errorf("%d messages failed, and %d numbers came twice, want none and at most %d", failed, doubled, bound)
	}
	t.Logf("%d messages, of which the failover lost %d; the slowest took %v", messages, doubled, slowest.Round(time.Millisecond))
}

func sentinelURL(s *redistest.Sentinels) string {
	return "redis+sentinel://" + narrowLogin + strings.Join(s.Addrs(), ",") + "/" + redistest.PrimaryName
}

// promoted waits until a Sentinel names another primary than the first one, and returns its address.
func promoted(t *testing.T, s *redistest.Sentinels) string {
	t.Helper()
	for deadline := time.Now().Add(failoverLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		host, port, _ := strings.Cut(s.Sentinels[0].CLI("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.PrimaryName), "\n")
		if addr := net.JoinHostPort(host, port); addr != s.Primary.Addr() {
			return addr
		}
	}
	t.Fatal("the Sentinels have promoted nobody")
	return ""
}

// wrong tells what is wrong with the replies of some conversations of finished traffic, where that may be: how many
// numbers came once more than they should, and how many replies carry none.
func (l *traffic) wrong(of []*talk) (doubled, failed int) {
	for _, one := range of {
		seen := map[int]bool{}
		for _, r := range one.replies {
			n := number(r.Text())
			switch {
			case n == 0:
				failed++
			case seen[n]:
				doubled++
			}
			seen[n] = true
		}
	}
	return doubled, failed
}
