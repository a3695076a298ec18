package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"smsession/internal/phone"
)

// ErrRemote means that the messages would go to another host. That host may belong to somebody else.
var ErrRemote = errors.New("the messages would go to another host: if you own that host, use --i-own-this-host")

// ErrNotFollowed means that the webhook leads to another server by a redirect or by TwiML. A request to that server
// would carry a signature and cookies, and the user has not named the server.
var ErrNotFollowed = errors.New("the webhook leads to another server, and load sends nothing there: " +
	"if you own that server, use its URL as the webhook")

// Loopback returns ErrRemote unless the hosts of all endpoints have only loopback addresses. It ignores an endpoint
// without a URL. It returns another error if a URL is not valid or a host has no address. No error quotes more of a
// URL than the host. A host can get another address later; Permit checks that.
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
			return fmt.Errorf("the host %.100q has no address: check its name", u.Hostname())
		}
		if !loopback(addresses) {
			return ErrRemote
		}
	}
	return nil
}

// loopback reports whether all addresses are loopback addresses.
func loopback(addresses []net.IPAddr) bool {
	return !slices.ContainsFunc(addresses, func(a net.IPAddr) bool { return !a.IP.IsLoopback() })
}

// Permit returns ErrRemote unless address is a loopback address with a port. It is for phone.Network, which calls it
// before each connection: a redirect may lead to another host, and a name may have another address than Loopback has
// seen. It is safe for concurrent use.
func Permit(address string) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().IsLoopback() {
		return ErrRemote
	}
	return nil
}
