package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// ErrRemote is the refusal to load what may be somebody else's.
var ErrRemote = errors.New("the load would go to a host that is not this one: give --i-own-this-host if it is yours to load")

// ErrLedAway ends a load whose webhook leads to another server. A request to that server would carry a signature and
// cookies, and the user has not named that server.
var ErrLedAway = errors.New("the webhook leads to another server, and a load sends nothing there; if that server is yours, load it directly")

// Loopback returns an error unless every host of the URLs is this one by each of its addresses: what a name stands for
// today is looked up. It is an error for a URL to have no host, or for its name not to be found.
func Loopback(ctx context.Context, urls ...string) error {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			return errors.New("a URL cannot be read") // it may hold a password
		}
		addresses, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
		if err != nil {
			return errors.New("the host of a URL is not to be found")
		}
		if !loopback(addresses) {
			return ErrRemote
		}
	}
	return nil
}

func loopback(addresses []net.IPAddr) bool {
	return !slices.ContainsFunc(addresses, func(a net.IPAddr) bool { return !a.IP.IsLoopback() })
}

// Permit returns ErrRemote unless an IP address with its port is this host's own. It is for phone.Network, which asks
// before it connects: a redirect may lead elsewhere, and a name may stand for another address by now.
func Permit(address string) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().IsLoopback() {
		return ErrRemote
	}
	return nil
}
