package appcheck

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/logging"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/replica"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// publicURL is the URL that Twilio would be configured with. No request goes there.
const publicURL = "https://smsession.invalid"

// anyPort is the address of a listener whose port the system chooses.
const anyPort = "127.0.0.1:0"

// The replicas of a fleet, by their index. A slow network is between the last one and the app.
const (
	replicaA = iota
	replicaB
	slowReplica
	replicas
)

// grace is how long the end of a check waits for the replicas. After an interruption, a call of the app may be in
// progress, and a replica waits for it.
const grace = time.Second

// fleet is the service: replicas on loopback ports, and the Redis that they share.
type fleet struct {
	judge    judge
	token    twilio.Token // with an account
	redis    *miniredis.Miniredis
	slow     *slowNetwork
	slowest  time.Duration // its longest delay
	urls     [replicas]string
	network  *phone.Network
	shutDown func()

	mu    sync.Mutex
	calls []app.Call // that have finished, in this order
}

// startFleet starts the replicas. The caller must close the fleet. It returns an error if a port cannot be opened.
func startFleet(ctx context.Context, o Options) (*fleet, error) {
	embedded, err := redispool.StartEmbedded(anyPort)
	if err != nil {
		return nil, err
	}
	f := &fleet{
		judge: judge{o.App, o.Token.Value == ""},
		token: twilio.Token{
			Account: cmp.Or(o.Token.Account, "AC"+phone.RandomHex()),
			Value:   cmp.Or(o.Token.Value, phone.RandomHex()),
		},
		redis:    embedded,
		slowest:  cmp.Or(o.slowest, o.App.Timeout/4),
		network:  new(phone.Network),
		shutDown: func() {},
	}
	if f.slow, err = newSlowNetwork(o.App.URL); err != nil {
		f.close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	f.shutDown = func() { cancel(); waitFor(&running) }
	for i := range f.urls {
		listeners, err := replica.Listen([]string{anyPort}, []string{""})
		if err != nil {
			f.close()
			return nil, err
		}
		f.urls[i] = listeners.URL()
		running.Go(func() { f.runReplica(ctx, listeners, f.config(i), o.Version) })
	}
	return f, nil
}

// waitFor waits until all replicas have ended, but not longer than grace.
func waitFor(running *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(grace):
	}
}

// runReplica runs one replica until ctx ends. If it ends earlier, the phones get no answer from it, and the findings
// show that.
func (f *fleet) runReplica(ctx context.Context, l replica.Listeners, cfg config.Config, version string) {
	log := logging.New(io.Discard, logging.JSON, slog.LevelError)
	defer log.Close()
	_ = replica.Run(ctx, replica.Options{
		Config: cfg, Version: version, Listeners: l, Log: log, ObserveCall: f.observe,
	})
}

// config returns the settings of a replica.
func (f *fleet) config(i int) config.Config {
	cfg := config.Defaults().WithPublicURL(weburl.Split(publicURL))
	cfg.AuthTokens = twilio.Tokens{f.token}
	cfg.Redis = redisurl.URL{Addrs: []string{f.redis.Addr()}}
	cfg.DrainDelay = 0
	cfg.App = f.judge.app
	if i == slowReplica {
		cfg.App.URL = f.slow.url
	}
	return cfg
}

// close stops everything that startFleet has started.
func (f *fleet) close() {
	f.shutDown()
	f.network.Close()
	if f.slow != nil {
		f.slow.close()
	}
	f.redis.Close()
}

func (f *fleet) observe(c app.Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
}

// callsOf returns the finished calls for messages of one sender, except the first ones.
func (f *fleet) callsOf(from string, except int) []app.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	isOther := func(c app.Call) bool { return c.From != from }
	return slices.DeleteFunc(slices.Clone(f.calls), isOther)[except:]
}

// phone returns the options of a phone that sends to one replica. Its fallback URL is that of another replica.
func (f *fleet) phone(at int, from, to string) phone.Options {
	endpoint := func(at int, path string) phone.Endpoint {
		return phone.Endpoint{URL: publicURL + path, Address: f.urls[at] + path}
	}
	other := map[int]int{replicaA: replicaB, replicaB: replicaA, slowReplica: slowReplica}[at]
	return phone.Options{
		From: from, To: to, AuthToken: f.token.Value, AccountSID: f.token.Account,
		Network: f.network, Trace: true,
		Webhook:  endpoint(at, weburl.WebhookPath),
		Fallback: endpoint(other, weburl.FallbackPath),
		Follow:   func(server string) bool { return server == f.judge.app.URL.Origin() },
		OptOut:   twilio.OptOutOff, // the scenarios judge the replies after STOP themselves
	}
}

// keys are all keys of the fleet's Redis with their values.
type keys map[string]string

// keys returns a copy of what is in Redis.
func (f *fleet) keys() keys {
	all := keys{}
	for _, key := range f.redis.Keys() {
		all[key], _ = f.redis.Get(key) // all values are texts
	}
	return all
}

// rewind replaces what is in Redis, as if the later messages had not been saved.
func (f *fleet) rewind(to keys) {
	f.redis.FlushAll()
	for key, value := range to {
		_ = f.redis.Set(key, value) // fails only for a value of another type
		f.redis.SetTTL(key, time.Hour)
	}
}
