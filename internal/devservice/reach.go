package devservice

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"smsession/internal/hostname"
	"smsession/internal/phone"
)

// maxAddresses is how many addresses the guide prints: a host with virtual networks has more than anybody tries.
const maxAddresses = 4

// Reach is how other hosts reach a service and its page. It is zero if only this host reaches them.
type Reach struct {
	Listener  netip.AddrPort // the bound address of the public listener
	Token     string         // other hosts need it for the page
	Addresses []netip.Addr   // of this host, at which others may reach the listener
}

// ReachOf returns how other hosts reach a listener. If token is "", it makes a random one.
func ReachOf(listener netip.AddrPort, token string) Reach {
	if listener.Addr().IsLoopback() {
		return Reach{}
	}
	own, _ := net.InterfaceAddrs() // without them, the guide names no address
	return Reach{listener, cmp.Or(token, phone.RandomHex()), Addresses(listener.Addr(), own, outgoing())}
}

// outgoing returns the address from which this host sends to other networks, or no address. Nothing is sent: a UDP
// socket only chooses the route. 192.0.2.1 is reserved for documentation (RFC 5737).
func outgoing() netip.Addr {
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()
}

// Addresses returns the addresses at which other hosts may reach a listener. If the listener has one address, it is
// this one. Otherwise they are the addresses of this host's interfaces (own): first is the first of them, then IPv4
// before IPv6 and private before public ones. A link-local address is not among them, because a browser cannot open it
// (https://url.spec.whatwg.org/#concept-ipv6-parser has no zones).
func Addresses(listener netip.Addr, own []net.Addr, first netip.Addr) []netip.Addr {
	if !listener.IsUnspecified() {
		return []netip.Addr{listener}
	}
	var all []netip.Addr
	for _, address := range own {
		prefix, err := netip.ParsePrefix(address.String())
		if ip := prefix.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() && (ip.Is4() || listener.Is6()) {
			all = append(all, ip)
		}
	}
	rank := func(ip netip.Addr) int {
		return slices.Index([]bool{ip == first, ip.Is4() && ip.IsPrivate(), ip.Is4(), true}, true)
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return cmp.Compare(rank(a), rank(b)) })
	return all[:min(len(all), maxAddresses)]
}

// page returns the address of the page at a URL of the service. It has the token unless the URL is one of this host
// only.
func (r Reach) page(url string) string {
	_, host, _ := strings.Cut(url, "://")
	if r.Token == "" || hostname.IsLoopback(hostname.Of(host)) {
		return url + "/"
	}
	return url + "/?token=" + r.Token
}

func (r Reach) guide() string {
	if r.Token == "" {
		return "Only this host can reach the service.\n"
	}
	text := fmt.Sprintf("Other hosts can reach the service at %s.\n", r.Listener)
	if r.Listener.Addr().IsUnspecified() {
		text = fmt.Sprintf("Other hosts can reach the service on port %d of every address of this host.\n",
			r.Listener.Port())
	}
	if len(r.Addresses) == 0 {
		return text + "This host has no address in a network.\n"
	}
	these := "this address"
	if len(r.Addresses) > 1 {
		these = "one of these addresses"
	}
	text += "\nTo use the page on a handset in the same network, open " + these + `.
Whoever has the token can use the page. Use it only in a network that you trust,
because http does not encrypt the token:

`
	for _, ip := range r.Addresses {
		text += "  " + r.page("http://"+netip.AddrPortFrom(ip, r.Listener.Port()).String()) + "\n"
	}
	return text
}
