package devservice_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"smsession/internal/devservice"
)

// everywhere is the reach of a listener at all addresses of a host with two.
var everywhere = devservice.Reach{
	Listener: netip.MustParseAddrPort("[::]:8080"), Token: strings.Repeat("0a", 16),
	Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
}

func TestGuideNamesTheHosts(t *testing.T) {
	at := netip.MustParseAddrPort
	const token = "?token=0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\n"
	for _, row := range []struct {
		name, url   string
		reach       devservice.Reach
		want, never []string
	}{
		{"only this host", "http://127.0.0.1:8080", devservice.Reach{},
			[]string{"Open http://127.0.0.1:8080/ in a", "Only this host can reach the service."},
			[]string{"Other hosts", "token="}},
		{"all addresses", "http://127.0.0.1:8080", everywhere,
			[]string{"Open http://127.0.0.1:8080/ in a", "on port 8080 of every address", "one of these addresses",
				"\n\n  http://192.0.2.1:8080/" + token + "  http://[2001:db8::1]:8080/" + token + "\n"},
			[]string{"Only this host can reach the service.", "no address"}},
		{"one address", "http://192.0.2.1:80",
			devservice.Reach{Listener: at("192.0.2.1:80"), Token: everywhere.Token,
				Addresses: everywhere.Addresses[:1]},
			[]string{"Open http://192.0.2.1:80/" + strings.TrimSpace(token) + " in a",
				"can reach the service at 192.0.2.1:80.", "open this address.", "\n  http://192.0.2.1:80/" + token},
			[]string{"every address", "one of these"}},
		{"no network", "http://127.0.0.1:8080", devservice.Reach{Listener: at("0.0.0.0:8080"), Token: everywhere.Token},
			[]string{"This host has no address in a network."}, []string{"handset", "token="}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			s := devservice.Service{URL: row.url, Reach: row.reach, Redis: "redis://127.0.0.1:6379", Prefix: "sms:"}
			if err := s.WriteGuide(&out, "", "bin/smsession"); err != nil {
				t.Fatal(err)
			}
			for _, want := range row.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, out.String())
				}
			}
			for _, never := range row.never {
				if strings.Contains(out.String(), never) {
					t.Errorf("%q is in:\n%s", never, out.String())
				}
			}
		})
	}
}

// The interfaces are those of a host with a VPN, a bridge for containers, and two networks.
func TestAddresses(t *testing.T) {
	var own []net.Addr
	for _, text := range []string{"127.0.0.1/8", "::1/128", "172.17.0.1/16", "2001:db8::5/64", "fe80::5/64",
		"203.0.113.5/24", "169.254.1.1/16", "192.168.1.5/24", "10.8.0.2/24", "fd00::5/64"} {
		ip, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	for _, row := range []struct{ name, listener, first, want string }{
		{"all addresses, with a route", "::", "192.168.1.5", "192.168.1.5 172.17.0.1 10.8.0.2 203.0.113.5"},
		{"all addresses, without a route", "::", "", "172.17.0.1 192.168.1.5 10.8.0.2 203.0.113.5"},
		{"a route over IPv6", "::", "2001:db8::5", "2001:db8::5 172.17.0.1 192.168.1.5 10.8.0.2"},
		{"all IPv4 addresses", "0.0.0.0", "2001:db8::5", "172.17.0.1 192.168.1.5 10.8.0.2 203.0.113.5"},
		{"one address", "10.8.0.2", "192.168.1.5", "10.8.0.2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			first, _ := netip.ParseAddr(row.first)
			var got []string
			for _, ip := range devservice.Addresses(netip.MustParseAddr(row.listener), own, first) {
				got = append(got, ip.String())
			}
			if text := strings.Join(got, " "); text != row.want {
				t.Errorf("the addresses are %s, want %s", text, row.want)
			}
		})
	}
	if got := devservice.Addresses(netip.IPv6Unspecified(), own[:2], netip.Addr{}); len(got) > 0 {
		t.Errorf("without a network, the addresses are %v", got)
	}
}
