package redispool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// The negative control is a pool that always dials the first address: it gets READONLY forever.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 1, redistest.Options{})
	p := open(t, redispool.Options{URL: behindSentinels(s.Addrs()...), Timeout: patient})
	naive := naivePool(t, s.Primary.Addr())
	fill(t, p, 3)
	eventually(t, func() error {
		if got := s.Sentinels[0].CLI("SENTINEL", "FAILOVER", redistest.PrimaryName); got != "OK" {
			return errors.New(got) // the Sentinel does not know the replica yet
		}
		return nil
	})
	eventually(t, func() error {
		if got := s.Primary.CLI("ROLE"); !strings.HasPrefix(got, "slave") {
			return errors.New("the old primary is not demoted yet")
		}
		return nil
	})
	eventually(t, func() error { _, err := do(shared{p}, "SET", "key", "value"); return err })
	for range 5 {
		for _, p := range []pool{p, shared{p}} {
			if _, err := do(p, "SET", "key", "value"); err != nil {
				t.Errorf("SET after the failover: %v", err)
			}
		}
		if _, err := do(naive, "SET", "key", "value"); !hasCode(err, "READONLY") {
			t.Errorf("the naive pool got %v, want READONLY: the test proves nothing", err)
		}
	}
	if got := s.Replicas[0].CLI("GET", "key"); got != "value" {
		t.Errorf("the new primary has %q", got)
	}
}

func TestSentinelLogins(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 0, 1, redistest.Options{TLS: true, Password: "secret"})
	trusted := trusting(t, s.Primary)
	for _, row := range []struct {
		name, sentinels, redis, primary string
		refused                         bool
	}{
		{"the right passwords are accepted", "secret", "secret", redistest.PrimaryName, false},
		{"a wrong password for the Sentinels is refused", "wrong", "secret", redistest.PrimaryName, true},
		{"a missing password for the Sentinels is refused", "", "secret", redistest.PrimaryName, true},
		{"a wrong password for Redis is refused", "secret", "wrong", redistest.PrimaryName, true},
		{"an unknown primary is refused", "secret", "secret", "other", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := behindSentinels(s.Addrs()...)
			u.Primary = row.primary
			u.Redis = redisurl.Login{TLS: trusted, Password: row.redis}
			u.Sentinels = redisurl.Login{TLS: trusted, Password: row.sentinels}
			err := ping(t.Context(), open(t, redispool.Options{URL: u}))
			if (err != nil) != row.refused || redispool.Refused(err) != row.refused {
				t.Errorf("got %v, which is a refusal: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
}

func TestSentinelVote(t *testing.T) {
	t.Parallel()
	old, present := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	away := redistest.Start(t, redistest.Options{})
	away.Kill()
	names := func(s *redistest.Server) string { return fakeSentinel(t, s.Addr()) }
	for _, row := range []struct {
		name      string
		sentinels []string
		want      *redistest.Server
	}{
		{"the address that most Sentinels name is used", []string{names(old), names(present), names(present)}, present},
		{"a Sentinel that is down is skipped", []string{away.Addr(), names(present)}, present},
		{"if the Sentinels disagree, a server that is down is skipped", []string{names(away), names(present)}, present},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := open(t, redispool.Options{URL: behindSentinels(row.sentinels...), Timeout: patient})
			info, err := redis.String(do(p, "INFO", "server"))
			if want := fmt.Sprintf("tcp_port:%d\r\n", row.want.Port()); err != nil || !strings.Contains(info, want) {
				t.Errorf("the pool is not connected to the right server: %v", err)
			}
		})
	}
	t.Run("after a majority, the pool does not wait for a Sentinel that hangs", func(t *testing.T) {
		// A pool that waits for the Sentinel always closes the connection to it before ping returns. On a busy machine,
		// ping can take so long that another pool has closed it, too.
		eventually(t, func() error {
			hangs := listen(t, "127.0.0.1:0")
			p := open(t, redispool.Options{URL: behindSentinels(hangs.Addr().String(), names(present), names(present))})
			if err := ping(t.Context(), p); err != nil {
				return err
			}
			c, err := hangs.Accept()
			if err != nil {
				return err
			}
			defer c.Close()
			c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := io.Copy(io.Discard, c); !isTimeout(err) {
				return fmt.Errorf("reading the request ended with %v, so the pool has waited for the Sentinel", err)
			}
			return nil
		})
	})
	t.Run("if all Sentinels are down, the error is not a refusal", func(t *testing.T) {
		p := open(t, redispool.Options{URL: behindSentinels(away.Addr())})
		if err := ping(t.Context(), p); err == nil || redispool.Refused(err) {
			t.Errorf("got %v, want an error that is not a refusal", err)
		}
	})
	t.Run("a host that is unknown is skipped", func(t *testing.T) {
		unknown := fakeSentinel(t, "unknown.example.com:6379")
		notFound := &net.DNSError{Err: "no such host", Name: "unknown.example.com", IsNotFound: true}
		p := open(t, redispool.Options{URL: behindSentinels(unknown, names(present)), Resolver: broken{notFound},
			Timeout: patient})
		if err := ping(t.Context(), p); err != nil {
			t.Error(err)
		}
		p = open(t, redispool.Options{URL: behindSentinels(unknown), Resolver: broken{notFound}, Timeout: patient})
		if err := ping(t.Context(), p); err == nil || redispool.Refused(err) ||
			!strings.Contains(err.Error(), "unknown.example.com") {
			t.Errorf("got %v, want an error that contains the host and is not a refusal", err)
		}
	})
	t.Run("a replica is not used as the primary", func(t *testing.T) {
		old.CLI("REPLICAOF", "127.0.0.1", "1")
		p := open(t, redispool.Options{URL: behindSentinels(names(old))})
		if err := ping(t.Context(), p); err == nil || redispool.Refused(err) {
			t.Errorf("got %v, want an error that is not a refusal", err)
		}
	})
}

// broken is a resolver that returns the same error for each name.
type broken struct{ err error }

func (b broken) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return nil, b.err }

// If old connections stayed in use, some writes would go to the old primary, and some to the new one.
func TestSentinelsNameAnotherPrimary(t *testing.T) {
	t.Parallel()
	old, present := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	var primary atomic.Pointer[redistest.Server]
	primary.Store(old)
	l := listen(t, "127.0.0.1:0")
	sentinels := map[*redistest.Server]string{old: fakeSentinel(t, old.Addr()),
		present: fakeSentinel(t, present.Addr())}
	go forward(l, func() string { return sentinels[primary.Load()] })
	p := open(t, redispool.Options{URL: behindSentinels(l.Addr().String()), Timeout: patient})
	fill(t, p, 3)
	primary.Store(present)
	fill(t, p, 4) // the fourth connection is new
	for range 4 {
		c := p.Get()
		defer c.Close()
		if _, err := c.Do("SET", "key", "value"); err != nil {
			t.Error(err)
		}
	}
	if got := old.CLI("EXISTS", "key"); got != "0" {
		t.Error("the old primary got a write")
	}
}
