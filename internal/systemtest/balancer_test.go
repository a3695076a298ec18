package systemtest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pollInterval is how often the balancer asks its replicas whether they are ready.
const pollInterval = 100 * time.Millisecond

// balancer passes requests on to the replicas that said that they are ready when they were last asked. It sends nothing
// a second time: what a replica drops is dropped for the sender.
type balancer struct {
	url   string
	polls http.Client
	last  atomic.Int64

	mu     sync.Mutex
	places []string        // the replicas' URLs
	ready  map[string]bool // by URL
}

// startBalancer starts a balancer over the replicas of a fleet. It ends with the test.
func startBalancer(tb testing.TB, f *fleet) *balancer {
	tb.Helper()
	b := &balancer{
		polls: http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		ready: map[string]bool{},
	}
	for _, r := range f.replicas {
		b.places = append(b.places, r.url)
		b.ready[r.url] = true
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   b.choose,
		Transport: newSender(tb).Client.Transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the sender hears of it: 502
	})
	b.url = proxy.URL
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { b.watch(ctx) })
	tb.Cleanup(func() {
		cancel()
		group.Wait()
		proxy.Close()
	})
	return b
}

// choose sends a request to the next replica that is ready.
func (b *balancer) choose(r *httputil.ProxyRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.places {
		place := b.places[int(b.last.Add(1))%len(b.places)]
		if b.ready[place] {
			target, _ := url.Parse(place)
			r.SetURL(target)
			return
		}
	}
	r.Out.URL.Host = "" // fails: there is nobody
}

// watch polls the replicas until ctx ends.
func (b *balancer) watch(ctx context.Context) {
	for {
		b.mu.Lock()
		places := append([]string(nil), b.places...)
		b.mu.Unlock()
		for _, place := range places {
			res, err := b.polls.Get(place + "/readyz")
			if err == nil {
				res.Body.Close()
			}
			b.mu.Lock()
			b.ready[place] = err == nil && res.StatusCode == http.StatusOK
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
		}
	}
}

// replace puts a new replica in the place of an old one. It gets messages once it has said that it is ready.
func (b *balancer) replace(old, with *replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, place := range b.places {
		if place == old.url {
			b.places[i] = with.url
		}
	}
}
