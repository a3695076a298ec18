package redispool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

var (
	errNoSuchPrimary = errors.New("the Sentinels know no primary of that name")
	errNoPrimary     = errors.New("the server that the Sentinels name is not a primary")
)

// primary connects to the server that the Sentinels name. It is safe for concurrent use.
type primary struct {
	options Options

	turn  chan struct{} // contains a value while a caller asks the Sentinels
	addrs []string      // the last result, the likeliest address first
	asked time.Time     // the time of the last result
	err   error

	mu    sync.Mutex
	nodes map[string]*node // by the address that the Sentinels returned
	addr  string           // the address of the last connection
}

func newPrimary(o Options) *primary {
	return &primary{options: o, turn: make(chan struct{}, 1), nodes: map[string]*node{}}
}

// connect asks the Sentinels for the primary and dials it. A server that calls itself a primary may have just been
// replaced. It then soon answers READONLY, or too few replicas have its writes.
func (p *primary) connect(ctx context.Context) (redis.Conn, error) {
	addrs, err := p.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the Sentinels: %w", err)
	}
	var errs []error
	for _, addr := range addrs {
		c, err := p.node(addr).connect(ctx)
		if err == nil {
			p.moved(addr)
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (p *primary) node(addr string) *node {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes[addr] == nil {
		p.nodes[addr] = &node{options: p.options, addr: addr, greet: isPrimary}
	}
	return p.nodes[addr]
}

// isPrimary asks a server whether it is a primary, because a Sentinel may not know that yet.
// See https://redis.io/docs/latest/develop/reference/sentinel-clients/.
func isPrimary(c redis.Conn) error {
	role, err := redis.Values(c.Do("ROLE"))
	if err != nil {
		return err
	}
	if len(role) > 0 {
		if name, _ := redis.String(role[0], nil); name == "master" {
			return nil
		}
	}
	return errNoPrimary
}

// moved records the address of the primary.
func (p *primary) moved(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr = addr
}

// reusable returns an error for a pooled connection that must not be used again, such as a connection to a server that
// is no longer the primary.
func (p *primary) reusable(c redis.Conn, lastUsed time.Time) error {
	p.mu.Lock()
	addr := p.addr
	p.mu.Unlock()
	if connOf(c).addr != addr {
		return errDemoted
	}
	return reusable(c, lastUsed)
}

// ask returns the addresses that the Sentinels name. Callers that ask at the same time share one result, because in an
// outage every message that waits asks.
func (p *primary) ask(ctx context.Context) ([]string, error) {
	began := time.Now()
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	if p.asked.Before(began) {
		p.addrs, p.err = p.vote(ctx)
		p.options.judge(p.err)
		p.asked = time.Now()
	}
	return p.addrs, p.err
}

// vote asks all Sentinels at once. It waits until more than half of them name the same address, or until each Sentinel
// has answered or failed. The result begins with the address that most Sentinels name. A majority is needed because a
// Sentinel that is cut off from the others still names the old primary, and a Sentinel on the host of a failed primary
// does not answer.
func (p *primary) vote(ctx context.Context) ([]string, error) {
	sentinels := p.options.URL.Addrs
	answers := make(chan answer, len(sentinels))
	for _, addr := range sentinels {
		go func() {
			name, err := p.question(ctx, addr)
			answers <- answer{name, err}
		}()
	}
	votes := map[string]int{}
	var addrs []string
	var errs []error
	for range sentinels {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		name := a.reply.(string)
		if votes[name]++; votes[name] == 1 {
			addrs = append(addrs, name)
		}
		if votes[name] > len(sentinels)/2 {
			break
		}
	}
	if len(addrs) == 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortStableFunc(addrs, func(a, b string) int { return cmp.Compare(votes[b], votes[a]) })
	return addrs, nil
}

// question asks one Sentinel, and returns the address that it names.
// See https://redis.io/docs/latest/develop/reference/sentinel-clients/.
func (p *primary) question(ctx context.Context, addr string) (string, error) {
	o := Options{network: p.options.network}
	// The question itself is the first command.
	c, _, err := dial(ctx, o, p.options.current().Sentinels, addr, func(redis.Conn) error { return nil })
	if err != nil {
		return "", err
	}
	defer c.Close()
	named, err := redis.Strings(c.Do("SENTINEL", "get-master-addr-by-name", p.options.URL.Primary))
	switch {
	case errors.Is(err, redis.ErrNil):
		return "", errNoSuchPrimary
	case err != nil:
		return "", unquoted(err)
	case len(named) != 2:
		return "", fmt.Errorf("the Sentinel %s names no address", addr)
	}
	return net.JoinHostPort(named[0], named[1]), nil
}
