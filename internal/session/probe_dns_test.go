package session_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/session"
)

// slowResolver is a resolver that answers slowly.
type slowResolver struct{}

func (slowResolver) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	select {
	case <-time.After(3 * time.Second):
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestProbeWithSlowDNS(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		_, port, _ := net.SplitHostPort(b.Addr)
		synctest.Test(t, func(t *testing.T) {
			pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{net.JoinHostPort("redis.example",
				port)}}, Resolver: slowResolver{}})
			defer pool.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // REQUEST_BUDGET
			defer cancel()
			probe := session.NewProbe(pool.Pool, "sms:", func() []string { return []string{""} })
			if err := probe.Run(ctx); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute) // until the look-ups in the background have ended
		})
	})
}
