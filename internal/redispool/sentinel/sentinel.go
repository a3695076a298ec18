// Package sentinel connects to the primary that Redis Sentinels name.
// See https://redis.io/docs/latest/develop/reference/sentinel-clients/.
package sentinel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sync/singleflight"

	"smsession/internal/redispool/node"
)

var (
	errUnknownName = node.Refuse(
		errors.New("the Sentinels do not know the primary in REDIS_URL: correct its name"))
	errNotPrimary = errors.New("the Sentinels name this server as the primary, but it is a replica")
)

// Primary is a primary with replicas, which Sentinels watch. It is safe for concurrent use.
type Primary struct {
	name      string
	sentinels []*node.Node
	votes     singleflight.Group
	options   node.Options              // for the primary and its replicas
	servers   sync.Map                  // *node.Node by address
	current   atomic.Pointer[node.Node] // the server of the last connection; nil before the first
}

// New returns the primary that the Sentinels at addrs know by this name. sentinels are the options for the Sentinels,
// and servers are the options for the primary. New contacts no server.
func New(name string, addrs []string, sentinels, servers node.Options) *Primary {
	servers.Greet = isPrimary
	p := &Primary{name: name, options: servers}
	for _, addr := range addrs {
		p.sentinels = append(p.sentinels, node.New(addr, sentinels))
	}
	return p
}

// Dial asks the Sentinels for the primary and connects to it. The result is a [node.Conn]. Dial returns the error of
// ctx, or the joined errors of the Sentinels or of the servers that they name. [node.Refused] reports whether one of
// them is a refusal, such as an unknown name. The vote and each connection have time limits of their own. The server
// may have been replaced a moment ago. It then soon returns READONLY, or too few replicas have its writes.
func (p *Primary) Dial(ctx context.Context) (redis.Conn, error) {
	addrs, err := node.Share(ctx, &p.votes, p.vote)
	if err != nil {
		return nil, fmt.Errorf("ask the Sentinels for the primary: %w", err)
	}
	var errs []error
	for _, addr := range addrs {
		known, _ := p.servers.LoadOrStore(addr, node.New(addr, p.options))
		server := known.(*node.Node)
		c, err := server.Join(ctx)
		if err == nil {
			p.current.Store(server)
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Reusable is like [node.Reusable]. It also returns [node.ErrStale] if the last connection was made to another server.
func (p *Primary) Reusable(pooled redis.Conn, lastUsed time.Time) error {
	if pooled.(*node.Conn).Node() != p.current.Load() {
		return node.ErrStale
	}
	return node.Reusable(pooled, lastUsed)
}

// Shared is like [node.Node.Shared], for the server of the last connection.
func (p *Primary) Shared() redis.Conn {
	if server := p.current.Load(); server != nil {
		return server.Shared()
	}
	return nil
}

// InUse returns how many Conns of Shared are not closed.
func (p *Primary) InUse() (n int) {
	p.servers.Range(func(_, server any) bool {
		n += server.(*node.Node).InUse()
		return true
	})
	return n
}

// isPrimary returns an error if a server is not a primary. A Sentinel may name a server that is not promoted yet.
func isPrimary(c redis.Conn) error {
	reply, err := redis.Values(c.Do("ROLE"))
	if err != nil {
		return err
	}
	var role string
	if _, err := redis.Scan(reply, &role); err != nil || role != "master" {
		return errNotPrimary
	}
	return nil
}

// vote asks all Sentinels at once. It waits until more than half of them name the same address, or until each Sentinel
// has answered or failed. The result begins with the address that most Sentinels name. A majority is needed because a
// Sentinel that is cut off from the others still names the old primary, and a Sentinel on the host of a failed primary
// does not answer.
func (p *Primary) vote() ([]string, error) {
	votes := map[string]int{}
	err := node.Ask(p.sentinels, p.askOne, func(addr string) (enough bool) {
		votes[addr]++
		return votes[addr] > len(p.sentinels)/2
	})
	return slices.SortedFunc(maps.Keys(votes), func(a, b string) int { return cmp.Compare(votes[b], votes[a]) }), err
}

// askOne returns the address that one Sentinel names. It does not use the context of a caller, because all callers
// share a vote. The time limits of the connection end it.
func (p *Primary) askOne(sentinel *node.Node) (string, error) {
	c, err := sentinel.Dial(context.Background())
	if err != nil {
		return "", err
	}
	defer c.Close()
	reply, err := redis.Values(c.Do("SENTINEL", "get-master-addr-by-name", p.name))
	if errors.Is(err, redis.ErrNil) {
		err = errUnknownName
	}
	var host, port string
	if err == nil {
		_, err = redis.Scan(reply, &host, &port)
	}
	return net.JoinHostPort(host, port), err
}
