package systemtest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"smsession/internal/webhooktest"
)

// pollInterval is how often the balancer asks the replicas whether they are ready.
const pollInterval = 100 * time.Millisecond

// balancer is a load balancer. It forwards requests to the replicas that were ready when it last asked them. It sends
// no request a second time, so a request that a replica drops is lost.
type balancer struct {
	tb    testing.TB
	url   string
	polls http.Client
	stop  context.CancelFunc // ends the polls
	group sync.WaitGroup

	mu    sync.Mutex
	turn  int
	urls  []string        // of the replicas
	ready map[string]bool // by URL
}

// startBalancer starts a balancer for the replicas of a fleet.
func startBalancer(tb testing.TB, f *fleet) *balancer {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	b := &balancer{
		tb:    tb,
		polls: http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		stop:  stop,
		ready: map[string]bool{},
	}
	for _, r := range f.replicas {
		b.urls = append(b.urls, r.url)
		b.ready[r.url] = true
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   b.choose,
		Transport: newSender(tb).Client.Transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the sender gets 502
	})
	b.url = proxy.URL
	b.group.Go(func() { b.poll(ctx) })
	tb.Cleanup(func() {
		b.stopPolls()
		proxy.Close()
	})
	return b
}

// stopPolls ends the polls, so that the balancer notices no later change of a replica.
func (b *balancer) stopPolls() {
	b.stop()
	b.group.Wait()
}

// choose sends a request to the next replica that is ready.
func (b *balancer) choose(r *httputil.ProxyRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.urls {
		b.turn++
		if address := b.urls[b.turn%len(b.urls)]; b.ready[address] {
			target, _ := url.Parse(address)
			r.SetURL(target)
			return
		}
	}
	r.Out.URL.Host = "" // no replica is ready, so the request fails
}

// poll asks all replicas until ctx ends.
func (b *balancer) poll(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		urls := slices.Clone(b.urls)
		b.mu.Unlock()
		for _, address := range urls {
			res, err := b.polls.Get(address + "/readyz")
			if err == nil {
				res.Body.Close()
			}
			b.mu.Lock()
			b.ready[address] = err == nil && res.StatusCode == http.StatusOK
			b.mu.Unlock()
		}
		time.Sleep(pollInterval)
	}
}

// isReady reports whether a replica was ready when the balancer last asked it.
func (b *balancer) isReady(r *replica) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[r.url]
}

// replace adds a new replica in place of an old one. The new one gets requests once the balancer has seen that it is
// ready.
func (b *balancer) replace(old, next *replica) {
	b.tb.Helper()
	b.mu.Lock()
	b.urls[slices.Index(b.urls, old.url)] = next.url
	b.mu.Unlock()
	webhooktest.Wait(b.tb, "the balancer to use the new replica", func() bool { return b.isReady(next) })
}
