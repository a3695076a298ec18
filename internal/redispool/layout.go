package redispool

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

var (
	errNoSlots = errors.New("the node knows no slots: it was removed from the Cluster, or the Cluster is not set up yet")
	errForeign = errors.New("the node names no node of the Cluster but itself: it was removed from the Cluster")
)

// member is a connection to a node of a Cluster. It completes the addresses in the node's answers. It turns a layout
// that cannot be right into an error, so that another node is asked.
type member struct {
	redis.Conn
	nodes *nodes
	addr  string // the address that was dialled
}

func (m *member) Do(command string, args ...any) (any, error) {
	if len(args) == 1 && args[0] == "SLOTS" && strings.EqualFold(command, "CLUSTER") {
		reply, l, err := m.slots()
		if err == nil {
			m.nodes.adopt(l)
		}
		return reply, err
	}
	reply, err := m.Conn.Do(command, args...)
	if redirection := redisc.ParseRedir(err); redirection != nil {
		return nil, m.redirect(redirection)
	}
	return reply, err
}

// slots asks for the layout and checks it. The hosts in the reply are complete.
func (m *member) slots() (any, *layout, error) {
	reply, err := m.Conn.Do("CLUSTER", "SLOTS")
	if err != nil {
		return nil, nil, err
	}
	l, err := readLayout(reply, m.addr)
	if err == nil {
		err = m.nodes.check(m.addr, l)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s for the layout of the Cluster: %w", m.addr, err)
	}
	return reply, l, nil
}

// redirect returns the redirection with a complete address. If it leads to an unknown node, the layout of the node that
// sent it is checked first, because that node may be in another Cluster now.
func (m *member) redirect(r *redisc.RedirError) error {
	addr := reachable(r.Addr, m.addr)
	if !m.nodes.knows(addr) {
		if _, _, err := m.slots(); err != nil {
			m.nodes.refresh()
			return err
		}
	}
	return redis.Error(fmt.Sprintf("%s %d %s", r.Type, r.NewSlot, addr))
}

// reachable returns an address that can be dialled for a node in another node's answer. An IPv6 address has no brackets
// in the answer. An empty host or "?" means that the host is not known: the node that answered has the same host.
// See https://redis.io/docs/latest/commands/cluster-slots/.
func reachable(said, answered string) string {
	colon := strings.LastIndexByte(said, ':')
	if colon < 0 || strings.HasPrefix(said, "[") {
		return said
	}
	host := said[:colon]
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(answered)
	}
	return net.JoinHostPort(host, said[colon+1:])
}

// layout is the Cluster as one node describes it.
type layout struct {
	nodes  map[string]bool // the addresses of all nodes
	served int             // how many slots have a node
}

// complete reports whether there is a node for each key.
func (l *layout) complete() bool { return l.served == redisc.HashSlots }

// namesAny reports whether the layout contains one of the addresses, not counting but.
func (l *layout) namesAny(addrs map[string]bool, but string) bool {
	for addr := range l.nodes {
		if addr != but && addrs[addr] {
			return true
		}
	}
	return false
}

// readLayout reads a reply to CLUSTER SLOTS, and completes the hosts in it.
func readLayout(reply any, answered string) (*layout, error) {
	l := &layout{nodes: map[string]bool{}}
	ranges, err := redis.Values(reply, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		var first, last int
		fields, err := redis.Values(r, nil)
		if err != nil {
			return nil, err
		}
		nodes, err := redis.Scan(fields, &first, &last)
		if err != nil {
			return nil, err
		}
		l.served += last - first + 1
		for _, n := range nodes {
			addr, err := completeHost(n, answered)
			if err != nil {
				return nil, err
			}
			l.nodes[addr] = true
		}
	}
	return l, nil
}

// completeHost reads one node of a reply to CLUSTER SLOTS: its host, its port, and more fields. It returns the node's
// address, and replaces the host in the reply with one that can be dialled. A host of "?" is a host name that is not
// set; a later field may then contain the node's IP address.
func completeHost(node any, answered string) (addr string, err error) {
	fields, err := redis.Values(node, nil)
	if err != nil {
		return "", err
	}
	var host string
	var number int
	rest, err := redis.Scan(fields, &host, &number)
	if err != nil {
		return "", err
	}
	if host == "?" && len(rest) > 1 { // the first is the node's id
		more, _ := redis.StringMap(rest[1], nil)
		host = more["ip"]
	}
	port := strconv.Itoa(number)
	addr = reachable(host+":"+port, answered)
	fields[0] = []byte(strings.TrimSuffix(addr, ":"+port))
	return addr, nil
}
