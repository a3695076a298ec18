package cluster

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

// layout is the reply of one node to CLUSTER SLOTS. It does not change once it is in use.
type layout struct {
	ranges  []slotRange
	served  int               // how many slots have a node
	nodes   map[string]bool   // the addresses of all nodes
	members map[string]bool   // the addresses of all nodes of this layout and of earlier ones
	tags    map[string]string // a hash tag by the address of each primary that has slots
}

// slotRange is a range of slots, both ends included, and the address of its primary.
type slotRange struct {
	first, last int
	primary     string
}

// complete reports whether each slot has a node.
func (l *layout) complete() bool { return l.served == redisc.HashSlots }

// primary returns the address of the node that has a slot, or "" if there is none.
func (l *layout) primary(slot int) string {
	for _, r := range l.ranges {
		if r.first <= slot && slot <= r.last {
			return r.primary
		}
	}
	return ""
}

// parseLayout parses a reply to CLUSTER SLOTS. answered is the address of the node that it came from.
// See https://redis.io/docs/latest/commands/cluster-slots/.
func parseLayout(reply any, answered string) (*layout, error) {
	l := &layout{nodes: map[string]bool{}, tags: map[string]string{}}
	ranges, err := redis.Values(reply, nil)
	if err != nil {
		return nil, err
	}
	for _, fields := range ranges {
		var r slotRange
		values, _ := redis.Values(fields, nil) // Scan returns an error for nil
		nodes, err := redis.Scan(values, &r.first, &r.last)
		if err != nil {
			return nil, err
		}
		for _, fields := range slices.Backward(nodes) { // the primary is the first
			if r.primary, err = nodeAddr(fields, answered); err != nil {
				return nil, err
			}
			l.nodes[r.primary] = true
		}
		l.tags[r.primary] = ""
		l.served += r.last - r.first + 1
		l.ranges = append(l.ranges, r)
	}
	l.findTags()
	return l, nil
}

// nodeAddr returns the address of one node in a reply to CLUSTER SLOTS. The fields are its host, its port, its id and
// more. A host of "?" is a host name that is not set. The field after the id may then contain the IP address.
func nodeAddr(fields any, answered string) (string, error) {
	values, _ := redis.Values(fields, nil) // Scan returns an error for nil
	var host string
	var port int
	more, err := redis.Scan(values, &host, &port)
	if err != nil {
		return "", err
	}
	if host == "?" && len(more) > 1 {
		named, _ := redis.StringMap(more[1], nil)
		host = named["ip"]
	}
	return reachable(host+":"+strconv.Itoa(port), answered), nil
}

// reachable converts an address in a node's reply into an address that can be dialled. An IPv6 address has no brackets
// in the reply. If the host is empty or "?", it is the host of the node that answered.
func reachable(addr, answered string) string {
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 || strings.HasPrefix(addr, "[") {
		return addr
	}
	host := addr[:colon]
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(answered)
	}
	return net.JoinHostPort(host, addr[colon+1:])
}

// findTags finds a hash tag for each primary. Numbers have random slots: with this many numbers, the probability that
// none has the only slot of a primary is 1/e^64.
func (l *layout) findTags() {
	const enough = 64 * redisc.HashSlots
	for n, left := 0, len(l.tags); left > 0 && n < enough; n++ {
		tag := strconv.Itoa(n)
		if addr := l.primary(redisc.Slot(tag)); addr != "" && l.tags[addr] == "" {
			l.tags[addr] = tag
			left--
		}
	}
}
