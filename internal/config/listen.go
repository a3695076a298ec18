package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// listeners checks where to listen. PORT is how a platform says it, so ADDR,
// which only an operator sets, wins; PORT is then not even looked at.
func (c *checker) listeners(f ListenFlags) {
	if addr := strings.TrimSpace(f.Addr); addr != "" {
		c.config.Addr = c.listener("ADDR", addr)
	} else if port := strings.TrimSpace(f.Port); port != "" {
		c.port(port)
	}
	if f.AdminAddr != nil {
		c.config.AdminAddr = c.adminListener(strings.TrimSpace(*f.AdminAddr))
	}
	c.adminHosts(f.AdminHosts)
	c.pprof(strings.TrimSpace(f.Pprof))
}

// port replaces the port of the default address and keeps its host.
func (c *checker) port(value string) {
	port, ok := portNumber(value, 0)
	if !ok {
		c.fault("PORT", "%s is not a port, a number from 0 to 65535", quote(value))
		return
	}
	host, _, _ := net.SplitHostPort(c.config.Addr) // a default is well formed
	c.config.Addr = net.JoinHostPort(host, port)
}

func (c *checker) adminListener(addr string) string {
	if addr == "" {
		return ""
	}
	return c.listener("ADMIN_ADDR", addr)
}

// adminHosts checks ADMIN_HOSTS. A name that cannot appear in a Host header is
// a fault. Browsers and Prometheus send ASCII. There are no wildcards, because
// DNS rebinding could use any name below a domain.
func (c *checker) adminHosts(value string) {
	for entry := range strings.SplitSeq(value, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name := entry
		if host, port, err := net.SplitHostPort(entry); err == nil {
			if _, ok := portNumber(port, 1); ok {
				name = host
			}
		}
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if !isHost(name) || strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
			c.fault("ADMIN_HOSTS", "%s is not a host name, such as sms-1 or metrics.example.com", quote(entry))
			continue
		}
		c.config.AdminHosts = append(c.config.AdminHosts, name)
	}
}

// listener checks one address. Port 0 lets the system choose; service names
// such as :http are refused, because what they mean depends on the host.
func (c *checker) listener(name, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "" && !isHost(host) {
		c.fault(name, "must be host:port or :port, such as 127.0.0.1:8080 or :8080")
		return ""
	}
	port, ok := portNumber(port, 0)
	if !ok {
		c.fault(name, "must end in a port, a number from 0 to 65535, such as :8080")
		return ""
	}
	return net.JoinHostPort(host, port)
}

// pprof comes after the address that its default depends on.
func (c *checker) pprof(value string) {
	switch strings.ToLower(value) {
	case "":
		c.config.Pprof = isLoopback(c.config.AdminAddr)
	case "true":
		c.config.Pprof = true
	case "false":
		c.config.Pprof = false
	default:
		c.fault("PPROF", "%s is neither true nor false", quote(value))
	}
}

// isLoopback says that only this host reaches the listener addr.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// portNumber returns a port from least to 65535 without leading zeros.
func portNumber(value string, least uint64) (port string, ok bool) {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n < least {
		return "", false
	}
	return strconv.FormatUint(n, 10), true
}

// isHost says that host is an IP address or has only a host name's characters.
// Whether it exists is for the network to say.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	foreign := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	}
	return host != "" && !strings.ContainsFunc(host, foreign)
}
