package load

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"smsession/internal/phone"
)

// ErrRemote means that the load would go to another host, which may belong to another person.
var ErrRemote = errors.New("the load would go to another host: if that host is yours to load, use --i-own-this-host")

// ErrLedAway means that the webhook leads to another server by a redirect or by TwiML. A request to that server would
// carry a signature and cookies, and the user has not named the server.
var ErrLedAway = errors.New("the webhook leads to another server, and a load sends nothing there; " +
	"if that server is yours, load it directly")

// Loopback returns ErrRemote unless all addresses of the endpoints belong to this host. It ignores an endpoint without
// a URL. It returns another error if a URL is not valid or a host has no address. No error quotes a URL.
func Loopback(ctx context.Context, endpoints ...phone.Endpoint) error {
	for _, e := range endpoints {
		text := cmp.Or(e.Address, e.URL)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			return errors.New("the URL of the webhook or of the fallback is not valid") // it may contain a password
		}
		addresses, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
		if err != nil {
			return errors.New("the host of the webhook or of the fallback has no address: check its name")
		}
		if !loopback(addresses) {
			return ErrRemote
		}
	}
	return nil
}

// loopback reports whether all addresses belong to this host.
func loopback(addresses []net.IPAddr) bool {
	return !slices.ContainsFunc(addresses, func(a net.IPAddr) bool { return !a.IP.IsLoopback() })
}

// Permit returns ErrRemote unless an IP address with its port belongs to this host. phone.Network calls it before it
// connects: a redirect may lead elsewhere, and a name may have other addresses by then.
func Permit(address string) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().IsLoopback() {
		return ErrRemote
	}
	return nil
}
